"""A network camera for tests: serves a clip over RTSP on loopback; run by the system's own Python, which has GStreamer.

Usage: rtsp_server.py PORT CLIP [USER PASSWORD]
"""

import sys
from typing import Any

import gi  # pyright: ignore[reportMissingImports]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 # pyright: ignore[reportMissingImports]


def main() -> None:
    port, clip, *login = sys.argv[1:]
    Gst.init(None)
    server: Any = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory: Any = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{clip}" ! qtdemux ! h264parse config-interval=1 ! rtph264pay name=pay0 )')
    if login:
        guard(server, factory, *login)
    server.get_mount_points().add_factory("/camera", factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on {port}")
    GLib.MainLoop().run()


def guard(server: Any, factory: Any, user: str, password: str) -> None:
    """Let in nobody but one user."""
    auth: Any = GstRtspServer.RTSPAuth()
    token: Any = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    factory.add_role_from_structure(
        Gst.Structure.new_from_string(
            "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
        )
    )


main()

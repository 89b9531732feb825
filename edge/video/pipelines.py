"""Which GStreamer pipeline reads a camera: that of box.toml, or the one that this device's profile has for its kind."""

from functools import cache

from devices.errors import EdgekitError
from devices.library import suggest
from devices.pipelines import filled
from devices.probe import probe
from devices.profile import Profile
from edge.video.address import address
from edge.video.section import CsiSource, GstreamerSource, RtspSource


def launched(camera: str, source: GstreamerSource | CsiSource | RtspSource, device: Profile | None = None) -> list[str]:
    """Return the words of a camera's pipeline, up to raw pictures.

    Args:
        camera: Its name, for the error.
        source: From the configuration.
        device: The profile; None for the one that fits this machine.

    Raises:
        EdgekitError: This kind of device has no pipeline for such a camera, or its password cannot be read.
    """
    if isinstance(source, GstreamerSource):
        return filled(source.pipeline, {"url": address(camera, source)})
    kind = "csi" if isinstance(source, CsiSource) else source.decode.replace("hardware", "rtsp")
    device = device or _this_device()
    found = next((one for one in device.pipelines if one.source == kind), None) if device is not None else None
    if found is None:
        raise EdgekitError(
            f"camera {camera}: {device.title if device is not None else 'this machine'} has no pipeline for {kind}: "
            'take decode = "software", or write one of your own with kind = "gstreamer"'
        )
    told = source.model_dump()
    if isinstance(source, RtspSource):
        told["url"] = address(camera, source)
    return filled(found.elements, told)


@cache
def _this_device() -> Profile | None:
    return suggest(probe())

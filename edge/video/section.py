"""The [[camera]] part of box.toml: where a camera's pictures come from, and what becomes of them."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from devices.pipelines import filled
from edge.section import Credential, Name, Polygon, Section
from edge.zones import Line, Shelf

_READ_TIMEOUT_S: Any = Field(
    default=4.0, gt=0, le=60, description="without a whole picture for so long the camera is lost and tried anew"
)


class FileSource(Section):
    """A video file, read once from start to end."""

    kind: Literal["file"]
    path: Path
    realtime: bool = Field(default=False, description="play at the speed of life instead of as fast as possible")


class FolderSource(Section):
    """A folder of pictures in the order of their names."""

    kind: Literal["folder"]
    path: Path
    fps: float = Field(default=10.0, gt=0, description="pictures a second on the folder's time line")


class Guarded(Section):
    """A camera that may ask for a login; no password ever reaches a log."""

    username: str | None = Field(default=None, min_length=1, description="of the camera's login")
    password_file: Path | None = Field(default=None, description="a file that holds the password and nothing else")
    password_credential: Credential | None = Field(
        default=None, description="the name of a systemd credential that holds the password"
    )

    @model_validator(mode="after")
    def _login_is_told_once(self) -> Self:
        passwords = [self.password_file, self.password_credential]
        if all(passwords):
            raise ValueError("password_file and password_credential both stand there: keep one")
        if (self.username is not None) != any(passwords):
            raise ValueError("a user and the place of its password go together: password_credential or password_file")
        return self


class RtspSource(Guarded):
    """A network camera. A login may stand in its URL too, where box.toml is not flashed; it never reaches a log."""

    kind: Literal["rtsp"]
    url: str = Field(pattern=r"^rtsps?://", description="begins with rtsp:// or rtsps://")
    transport: Literal["tcp", "udp"] = "tcp"
    decode: Literal["software", "hardware-h264", "hardware-h265"] = Field(
        default="software",
        description="hardware: by the GStreamer pipeline of this device's profile, for a camera's codec",
    )
    read_timeout_s: float = _READ_TIMEOUT_S


class UsbSource(Section):
    """A V4L2 camera, by its device node."""

    kind: Literal["usb"]
    device: Path
    width: int = Field(default=1280, ge=16)
    height: int = Field(default=720, ge=16)
    fps: float = Field(default=30.0, gt=0)
    read_timeout_s: float = _READ_TIMEOUT_S


class CsiSource(Section):
    """A camera on the board's own connector, by the GStreamer pipeline of this device's profile."""

    kind: Literal["csi"]
    sensor: int = Field(default=0, ge=0, description="number of the connector")
    width: int = Field(default=1280, ge=16)
    height: int = Field(default=720, ge=16)
    fps: int = Field(default=30, ge=1)
    read_timeout_s: float = _READ_TIMEOUT_S


class GstreamerSource(Guarded):
    """A camera that a GStreamer pipeline of one's own reads, in a process of its own."""

    kind: Literal["gstreamer"]
    pipeline: str = Field(
        min_length=1,
        description="elements up to raw pictures, as gst-launch-1.0 takes them, without a sink; may hold {url}",
    )
    url: str | None = Field(default=None, description="in the place of {url}; no login belongs into pipeline")
    read_timeout_s: float = _READ_TIMEOUT_S

    @model_validator(mode="after")
    def _can_be_launched(self) -> "GstreamerSource":
        filled(self.pipeline, {"url": self.url or ""})
        if re.search(r"://[^\s\"']*@|user-pw", self.pipeline):
            raise ValueError("the pipeline holds a password: write location={url}, and give the address as url")
        return self


LiveSource = RtspSource | UsbSource | CsiSource | GstreamerSource
Source = Annotated[FileSource | FolderSource | LiveSource, Field(discriminator="kind")]


class Camera(Section):
    """One camera, the policy for its frames, and the lines and shelves drawn on its picture."""

    name: Name
    source: Source
    policy: Literal["auto", "latest", "every", "motion", "trigger"] = Field(
        default="auto",
        description="latest drops what cannot be processed in time, every waits; auto: live cameras latest; "
        "motion: as auto, and a picture in which nothing moved is not inferred anew; "
        "trigger: only pictures from a controller's trigger to its event are inferred",
    )
    trigger_deadline_ms: float = Field(
        default=500.0, ge=100, le=60_000, description="of policy trigger: from a trigger to its event at the latest"
    )
    blind_after_s: float = Field(
        default=4.0,
        ge=0,
        le=60,
        description="a picture black or unchanged for so long is told; 0: never",
    )
    masks: tuple[Polygon, ...] = Field(
        default=(), description="what the camera must not show: blackened before anything is stored, shown or inferred"
    )
    outlines: bool = Field(
        default=False, description="tell the outline of what was found, not its box alone; for models that segment"
    )
    lines: tuple[Line, ...] = Field(default=(), alias="line")
    shelves: tuple[Shelf, ...] = Field(default=(), alias="shelf")

    @model_validator(mode="after")
    def _zone_names_are_unique(self) -> "Camera":
        names = [zone.name for zone in (*self.lines, *self.shelves)]
        if len(set(names)) != len(names):
            raise ValueError(f"two lines or shelves have the same name: {', '.join(sorted(names))}")
        return self

    @model_validator(mode="after")
    def _triggers_are_for_live_cameras(self) -> "Camera":
        if self.policy == "trigger" and self.source.kind in ("file", "folder"):
            raise ValueError("policy trigger is for live cameras: a file does not wait for a controller")
        if self.policy == "trigger" and (self.lines or self.shelves):
            raise ValueError("a camera with policy trigger sees nothing between triggers: no line or shelf can be kept")
        return self

"""From a configured source to frames: what all sources have in common, and which file knows which kind."""

from collections.abc import Iterator
from typing import Protocol

from devices.errors import EdgekitError
from edge.video.decoding import Resting, never
from edge.video.frame import Frame
from edge.video.section import (
    Camera,
    CsiSource,
    FileSource,
    FolderSource,
    GstreamerSource,
    LiveSource,
    RtspSource,
    UsbSource,
)


class SourceLostError(EdgekitError):
    """A live source stopped to deliver; it may come back."""


class FrameSource(Protocol):
    """An opened source of frames, used once."""

    @property
    def damaged(self) -> int:
        """Pictures that came damaged and are not among the frames."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the source ends.

        Raises:
            EdgekitError: A finite source is broken in the middle.
            SourceLostError: A live source stopped to deliver.
        """
        ...

    def close(self) -> None:
        """Let go of the source. May be called from another thread: `frames` then ends."""
        ...


def is_live(camera: Camera) -> bool:
    """Whether a camera goes on without end, and whether or not anybody looks."""
    return isinstance(camera.source, LiveSource)


def open_source(camera: Camera, first_index: int = 0, resting: Resting = never) -> FrameSource:
    """Open a camera's source.

    Args:
        camera: From the configuration.
        first_index: Index of its first frame, so that indices go on after a reconnect.
        resting: Tells whether the scene rests, so that what no other picture depends on need not be decoded.

    Raises:
        EdgekitError: The source is missing, is no video, or holds no frame.
        SourceLostError: A live source cannot be reached now.
    """
    # Each kind brings a library of its own; a box loads those that its cameras need.
    match camera.source:
        case FileSource() as source:
            from edge.video.files import FileFrames  # noqa: PLC0415

            return FileFrames(camera.name, source, resting)
        case FolderSource() as source:
            from edge.video.folders import FolderFrames  # noqa: PLC0415

            return FolderFrames(camera.name, source)
        case GstreamerSource() | CsiSource() | RtspSource(decode="hardware-h264" | "hardware-h265") as source:
            from edge.video.gstreamer import GstreamerFrames  # noqa: PLC0415
            from edge.video.pipelines import launched  # noqa: PLC0415

            return GstreamerFrames(camera.name, launched(camera.name, source), first_index)
        case RtspSource() as source:
            from edge.video.rtsp import RtspFrames  # noqa: PLC0415

            return RtspFrames(camera.name, source, first_index, resting)
        case UsbSource() as source:
            from edge.video.usb import UsbFrames  # noqa: PLC0415

            return UsbFrames(camera.name, source, first_index)

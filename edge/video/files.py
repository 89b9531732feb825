"""Frames of a video file, in order and to its end; a file that breaks off says so."""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import av
import av.error
import av.logging

from devices.errors import EdgekitError
from edge.video.decoding import Decoding, Resting, never
from edge.video.frame import ClockSource, Frame
from edge.video.planes import Conversion, Planes
from edge.video.section import FileSource

_log = logging.getLogger(__name__)
_USUAL_FPS = 25.0
av.logging.set_level(None)  # FFmpeg's chatter goes nowhere: what matters arrives as an exception


class FileFrames:
    """A video file.

    Raises:
        EdgekitError: The file is missing, is no video, or its first frame cannot be decoded.
    """

    def __init__(self, camera: str, source: FileSource, resting: Resting = never) -> None:
        self._camera = camera
        self._source = source
        self._closed = False
        self.damaged = 0
        if not source.path.is_file():
            raise EdgekitError(f"there is no video at {source.path}: check the source of camera {camera}")
        try:
            self._container = av.open(str(source.path), metadata_errors="replace")
            self._stream = self._container.streams.video[0]
        except (av.error.FFmpegError, IndexError) as exc:
            raise EdgekitError(f"{source.path} is no video that can be read, or is cut off at its start") from exc
        self._stream.thread_type = "SLICE"  # frame threads cost a quarter more, and inference is what a file waits for
        self._expected = self._stream.frames  # 0 where the container does not say
        self._decoding = Decoding(self._stream, resting)

    def frames(self) -> Iterator[Frame]:
        """Yield every frame.

        Raises:
            EdgekitError: The file holds no frame, or breaks off before its end.
        """
        began = datetime.now(timezone.utc)
        began_s = time.monotonic()
        base = float(self._stream.time_base or 0)
        rate = float(self._stream.average_rate or _USUAL_FPS)
        first_pts: int | None = None
        media_s = 0.0
        index = 0
        conversion = Conversion()
        try:
            for picture in self._pictures():
                if self._closed:
                    return
                index += self._decoding.spared_before(picture)
                if first_pts is None:
                    first_pts = picture.pts or 0
                # A bare stream has no time of its own; times that fall back would turn the tracks' clock.
                told_s = index / rate if picture.pts is None else (picture.pts - first_pts) * base
                media_s = max(media_s, told_s)
                if self._source.realtime:
                    time.sleep(max(0.0, began_s + media_s - time.monotonic()))
                yield Frame(
                    self._camera,
                    index,
                    began + timedelta(seconds=media_s),
                    ClockSource.FILE,
                    media_s,
                    time.monotonic(),
                    Planes(picture, conversion),
                )
                index += 1
        except av.error.FFmpegError as exc:
            raise EdgekitError(f"{self._source.path} is broken after frame {index}: copy or record it again") from exc
        if index == 0:
            raise EdgekitError(f"{self._source.path} holds no frame that can be decoded")
        if index < self._expected:
            raise EdgekitError(
                f"{self._source.path} breaks off: it should hold {self._expected} frames and ends after {index}; "
                "copy or record it again"
            )

    def _pictures(self) -> Iterator[av.VideoFrame]:
        for packet in self._container.demux(self._stream):
            yield from self._decoding.decode(packet)

    def close(self) -> None:
        """Let go of the file."""
        self._closed = True

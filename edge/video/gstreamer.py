"""Frames of a GStreamer pipeline in a process of its own: a driver that hangs takes that with it, not the box."""

import contextlib
import re
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import IO

import av
import numpy as np

from devices.redaction import redact
from edge.video.frame import ClockSource, Frame
from edge.video.planes import Conversion, Planes
from edge.video.sources import SourceLostError

_LAUNCHER = "gst-launch-1.0"
# YUV4MPEG2 says in its first line what was negotiated, and marks the begin of each picture. Its encoder takes part in
# what buffers look like, but does not see the rows that decoders add below a plane: so it is not asked.
_TAIL = ("!", "videoconvert", "!", "video/x-raw,format=I420", "!", "identity", "drop-allocation=true", "!", "y4menc")
_SINK = ("!", "fdsink", "fd=1")
_LONGEST_LINE = 256
_MOST_PIXELS = 1 << 26
_HEADER = re.compile(rb"YUV4MPEG2 (?=.*\bW(\d+))(?=.*\bH(\d+))(?=.*\bC420)")
_MARK = b"FRAME"
_OPEN_S = 60.0  # the first launch on a machine looks through all plug-ins
_END_S = 2.0
_LINES_KEPT = 100
_MISSING = re.compile(r'no element "([^"]+)"')
_ERROR = re.compile(r"^ERROR: (.+)$", re.MULTILINE)
_OF_ELEMENT = re.compile(r"^ERROR: from element \S+: (.+)$", re.MULTILINE)


class GstreamerFrames:
    """A running pipeline, from its launch to its end.

    Args:
        camera: Name of the camera.
        words: The pipeline up to raw pictures.
        first_index: Index of the first frame.

    Raises:
        SourceLostError: GStreamer or an element of it is missing, or the camera cannot be read now.
    """

    def __init__(self, camera: str, words: Sequence[str], first_index: int) -> None:
        self.damaged = 0
        self._camera = camera
        self._index = first_index
        self._closed = False
        self._conversion = Conversion()
        launcher = shutil.which(_LAUNCHER)
        if launcher is None:
            raise SourceLostError(f"camera {camera}: {_LAUNCHER} is not installed: apt-get install gstreamer1.0-tools")
        self._process = subprocess.Popen(
            [launcher, "--quiet", *words, *_TAIL, *_SINK],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._said: deque[str] = deque(maxlen=_LINES_KEPT)
        self._listener = threading.Thread(target=self._listen, name=f"gstreamer-{camera}", daemon=True)
        self._listener.start()
        guard = threading.Timer(_OPEN_S, self._process.kill)
        guard.start()
        try:
            self._width, self._height = self._negotiated()
        except SourceLostError:
            self._end()
            raise
        finally:
            guard.cancel()

    def frames(self) -> Iterator[Frame]:
        """Yield frames as they come.

        Raises:
            SourceLostError: The pipeline ended, or sends something else than it said.
        """
        try:
            while (picture := self._picture()) is not None:
                arrived_s = time.monotonic()
                now = datetime.now(timezone.utc)
                planes = Planes(picture, self._conversion)
                yield Frame(self._camera, self._index, now, ClockSource.HOST, arrived_s, arrived_s, planes)
                self._index += 1
        finally:
            self._end()
        if not self._closed:
            raise self._lost("ended")

    def close(self) -> None:
        """End the pipeline; who waits for a frame of it gets none."""
        self._closed = True
        self._process.kill()

    @property
    def _pictures(self) -> IO[bytes]:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        return self._process.stdout

    def _negotiated(self) -> tuple[int, int]:
        """Return width and height of the pictures that will come."""
        line = self._pictures.readline(_LONGEST_LINE)
        found = _HEADER.match(line)
        if found is None:
            raise self._lost("gave no picture" if not line else "gives no pictures in planes")
        width, height = (int(side) for side in found.groups())
        if width % 2 or height % 2 or not 0 < width * height <= _MOST_PIXELS:
            raise self._lost(f"gives pictures of {width}x{height}: even sides are needed, scale them in the pipeline")
        return width, height

    def _picture(self) -> av.VideoFrame | None:
        """Return the next picture, None where no whole one comes any more."""
        mark = self._pictures.readline(_LONGEST_LINE)
        if not mark:
            return None
        if not mark.startswith(_MARK):
            raise self._lost("sends something else than pictures: does an element write to its output?")
        shape = (self._height * 3 // 2, self._width)
        content = self._pictures.read(shape[0] * shape[1])
        if len(content) < shape[0] * shape[1]:
            return None
        return av.VideoFrame.from_ndarray(np.frombuffer(content, np.uint8).reshape(shape), format="yuv420p")

    def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was asked for
        with self._process.stderr as lines:
            for line in lines:
                self._said.append(line.decode(errors="replace").rstrip())

    def _lost(self, what: str) -> SourceLostError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._listener.join(_END_S)
        said = redact("\n".join(self._said))
        missing = _MISSING.search(said)
        if missing is not None:
            return SourceLostError(
                f"camera {self._camera}: GStreamer has no element {missing[1]} here: install the plug-in "
                "that brings it, or is this another device?"
            )
        reason = _OF_ELEMENT.search(said) or _ERROR.search(said)
        return SourceLostError(f"camera {self._camera}: its pipeline {what}{f': {reason[1]}' if reason else ''}")

    def _end(self) -> None:
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a driver that hangs keeps its process until it returns
            self._process.wait(_END_S)
        self._pictures.close()

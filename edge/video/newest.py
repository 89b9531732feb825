"""The bounded place between a capture thread and inference: the newest frame, or every frame in turn."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from edge.video.frame import Frame


class FramePlace(Protocol):
    """Where a camera leaves its frames."""

    @property
    def dropped(self) -> int:
        """Frames that were put and nobody got."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether a frame can be taken now."""
        ...

    def put(self, frame: Frame) -> None:
        """Leave a frame. Frames come in the order of their capture."""
        ...

    def get(self, timeout_s: float) -> Frame | None:
        """Take the next frame, None where none came in time or the place is closed and empty."""
        ...

    def close(self) -> None:
        """Accept no more frames and wake all who wait; what is there can still be taken."""
        ...


class NewestFrame:
    """Room for one frame; a newer one takes its place, and the older one counts as dropped.

    Args:
        announce: Called after each frame that was put.
    """

    def __init__(self, announce: Callable[[], None] | None = None) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._closed = False
        self._dropped = 0
        self._announce = announce

    @property
    def dropped(self) -> int:
        """Frames that were put and nobody got."""
        with self._changed:
            return self._dropped

    @property
    def waiting(self) -> bool:
        """Whether a frame can be taken now."""
        with self._changed:
            return self._frame is not None

    def put(self, frame: Frame) -> None:
        """Leave a frame in place of an older one; after `close` it counts as dropped."""
        with self._changed:
            if self._frame is not None or self._closed:
                self._dropped += 1
            if not self._closed:
                self._frame = frame
                self._changed.notify()
        if self._announce is not None:
            self._announce()

    def get(self, timeout_s: float) -> Frame | None:
        """Take the frame, None where none came in time or the place is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._closed, timeout_s)
            frame, self._frame = self._frame, None
            return frame

    def close(self) -> None:
        """Accept no more frames and wake all who wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class FrameQueue:
    """Room for a few frames; whoever puts one more waits.

    Args:
        room: Frames that may wait.
        announce: Called after each frame that was put.
    """

    def __init__(self, room: int = 4, announce: Callable[[], None] | None = None) -> None:
        self._changed = threading.Condition()
        self._frames: deque[Frame] = deque()
        self._room = room
        self._closed = False
        self._dropped = 0
        self._announce = announce

    @property
    def dropped(self) -> int:
        """Frames that were put after `close`."""
        with self._changed:
            return self._dropped

    @property
    def waiting(self) -> bool:
        """Whether a frame can be taken now."""
        with self._changed:
            return bool(self._frames)

    def put(self, frame: Frame) -> None:
        """Leave a frame, waiting for room; after `close` it counts as dropped."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._frames) < self._room or self._closed)
            if self._closed:
                self._dropped += 1
            else:
                self._frames.append(frame)
                self._changed.notify_all()
        if self._announce is not None:
            self._announce()

    def get(self, timeout_s: float) -> Frame | None:
        """Take the oldest frame, None where none came in time or the place is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._frames) or self._closed, timeout_s)
            if not self._frames:
                return None
            frame = self._frames.popleft()
            self._changed.notify_all()
            return frame

    def close(self) -> None:
        """Accept no more frames and wake all who wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

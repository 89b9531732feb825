"""The place of a camera that waits for triggers: its pictures count only while one of them is asked for."""

from collections.abc import Callable

from edge.video.frame import Frame
from edge.video.newest import FramePlace


class TriggeredFrames:
    """Lets frames into a place as long as somebody asks for them; the others go by and count as nothing.

    Args:
        place: Where frames that are asked for go.
        asked: Whether frames are asked for now.
    """

    def __init__(self, place: FramePlace, asked: Callable[[], bool]) -> None:
        self._place = place
        self._asked = asked

    @property
    def dropped(self) -> int:
        """Frames that were asked for and nobody got."""
        return self._place.dropped

    @property
    def waiting(self) -> bool:
        """Whether a frame can be taken now."""
        return self._place.waiting

    def put(self, frame: Frame) -> None:
        """Leave a frame, if it is asked for."""
        if self._asked():
            self._place.put(frame)

    def get(self, timeout_s: float) -> Frame | None:
        """Take the next frame, None where none came in time, or it is no longer asked for."""
        frame = self._place.get(timeout_s)
        return frame if self._asked() else None

    def close(self) -> None:
        """Accept no more frames and wake all who wait."""
        self._place.close()

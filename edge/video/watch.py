"""Notices a camera that goes on sending pictures which show nothing: black ones, or one and the same."""

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

_STEP_PX = 8  # every eighth pixel of every eighth row: 0.1 ms at 1080p, and no sensor is still in all of them
_BLACK_LEVEL = 24  # of 255; a covered lens stays below it
_BLACK_SPREAD = 4  # grey levels; the noise of a lit or dark scene spreads wider
_LONGEST_STEP_S = 0.5  # between two pictures that count as consecutive
_REMEMBERED = 8  # different pictures: an encoder refines a still one for a few frames after each key frame


class PictureFault(str, Enum):
    """Why pictures that come show nothing."""

    BLACK = "black"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Blindness:
    """A fault of the pictures, and the monotonic second of the first picture that had it."""

    fault: PictureFault
    since_s: float


class PictureWatch:
    """Looks at every picture of a live camera, and says when it has been blind for too long.

    Black means dark and without the noise that every sensor has. Frozen means that no picture came that was not among
    the last few, bit for bit: the noise of a still, live scene makes each picture a new one, a hung sensor or a relay
    that repeats its last picture does not. A scene whose encoder flattens all noise looks frozen: what an earlier
    stretch that ended by itself has shown of such a camera is allowed for twice over.

    Args:
        patience_s: How long pictures may be black or repeat before that is a fault, seconds; 0 never finds one.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._still = _Stretch()
        self._dark = _Stretch()
        self._longest_still_s = 0.0

    def see(self, image: NDArray[np.uint8], now_s: float) -> Blindness | None:
        """Take the next picture; return what it and those before it have shown for too long, None where nothing.

        Args:
            image: (H, W, 3) uint8, as it came.
            now_s: Monotonic seconds of its arrival.
        """
        if self._patience_s == 0:
            return None
        sample = np.ascontiguousarray(image[::_STEP_PX, ::_STEP_PX])
        self._dark.go_on(now_s, holds=_is_black(sample))
        ended_s = self._still.go_on(now_s, holds=not self._is_new(zlib.crc32(sample.tobytes())))
        self._longest_still_s = max(self._longest_still_s, min(ended_s, 2 * self._patience_s))
        if self._dark.length_s >= self._patience_s:
            return Blindness(PictureFault.BLACK, self._dark.since_s)
        if self._still.length_s >= max(self._patience_s, 2 * self._longest_still_s):
            return Blindness(PictureFault.FROZEN, self._still.since_s)
        return None

    def _is_new(self, digest: int) -> bool:
        is_new = digest not in self._seen
        self._seen[digest] = None
        self._seen.move_to_end(digest)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return is_new


class _Stretch:
    """How long something holds, in the time in which pictures came: while a camera is away, nothing is known of it."""

    def __init__(self) -> None:
        self.since_s = 0.0
        self.length_s = 0.0
        self._last_s: float | None = None

    def go_on(self, now_s: float, *, holds: bool) -> float:
        """Take the next moment; return the length of the stretch that it ended, 0 where it ended none."""
        step_s = 0.0 if self._last_s is None else min(now_s - self._last_s, _LONGEST_STEP_S)
        before_s, self._last_s = self.length_s, now_s
        if holds:
            self.length_s += step_s
            return 0.0
        self.since_s, self.length_s = now_s, 0.0
        return before_s


def _is_black(sample: NDArray[np.uint8]) -> bool:
    highest = int(sample.max(initial=0))
    return highest <= _BLACK_LEVEL and highest - int(sample.min(initial=highest)) <= _BLACK_SPREAD

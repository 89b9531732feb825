"""Notices a camera that goes on sending pictures which show nothing: black ones, or one and the same."""

import zlib
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

_STEP_PX = 8  # every eighth pixel of every eighth row
_BLACK_LEVEL = 36  # of 255, where video black is 16; a covered lens stays below it
_BLACK_SPREAD = 4  # grey levels; the noise of a lit or dark scene spreads wider
_LONGEST_STEP_S = 0.5  # between two pictures that count as consecutive
_REMEMBERED = 8  # different pictures: an encoder refines a still one for a few frames after each key frame
_REFINED = 3  # pictures after a key frame that change because the encoder refines it, not because the sensor lives
_BLOCKS = 8  # a side; noise is in most of them at once, what moves is in some
_MOST_NOISE = 8.0  # grey levels by which a block changes on average; a moving edge changes it by more
_NOISY_SHARE = 0.5
_KNOWN_SHARE = 0.8  # of the latest pictures
_MOST_RATIONED = 8  # key frames in a row that differ by their quantiser alone, until an encoder's ration has settled
_REQUANTISED = 2  # where key frames had repeated already: one that differs may have another quantiser, two do not


class PictureFault(str, Enum):
    """Why pictures that come show nothing."""

    BLACK = "black"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Blindness:
    """A fault of the pictures, and the monotonic second of the first picture that had it."""

    fault: PictureFault
    since_s: float


@dataclass(frozen=True, slots=True)
class _Moment:
    """A moment by the host's clock, and by the seconds in which pictures came until then."""

    at_s: float = 0.0
    seen_s: float = 0.0


class PictureWatch:
    """Looks at every picture of a live camera, and says when it has been blind for too long.

    Black means dark and without the noise that every sensor has.

    Frozen means that a camera which is known by its noise shows none any more: no picture comes that was not among the
    last few, bit for bit. Whoever never showed noise cannot be told from a still scene, and is never called frozen. An
    encoder may flatten the noise between its key frames; of such a camera only a key frame that repeats the one
    before in every pixel says that it is frozen, and since when: what lies between the two of them repeated, too.

    Args:
        patience_s: How long pictures may be black or repeat before that is a fault, seconds; 0 never finds one.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._now = _Moment()
        self._began = False
        self._bright = _Moment()
        self._alive = _Moment()
        self._alive_before_key = _Moment()
        self._keys = _Series(room=5, least_known=3)
        self._others = _Series(room=20, least_known=10)
        self._after_key = 0
        self._new_keys = 0
        self._key_repeated = False
        self._reopened = True

    def reopened(self) -> None:
        """Say that what comes next comes over a new connection: its first picture may differ by its coding alone."""
        self._reopened = True

    def see(self, luma: NDArray[np.uint8], now_s: float, *, is_key: bool) -> Blindness | None:
        """Take the next picture; return what it and those before it have shown for too long, None where nothing.

        Args:
            luma: (H, W) uint8, brightness as it came.
            now_s: Monotonic seconds of its arrival.
            is_key: Whether it was coded without others, so that it shows what the sensor saw just then.
        """
        if self._patience_s == 0:
            return None
        self._go_on(now_s)
        sample = np.ascontiguousarray(luma[::_STEP_PX, ::_STEP_PX])
        if _is_black(sample):  # what repeats in the dark is no freeze
            self._alive, self._new_keys, self._key_repeated = self._now, 0, False
        else:
            self._bright = self._now
            self._look(luma, sample, is_key=is_key)
        if self._long_since(self._bright):
            return Blindness(PictureFault.BLACK, self._bright.at_s)
        known = self._others.noisy or self._key_repeated
        if known and self._long_since(self._alive):
            return Blindness(PictureFault.FROZEN, self._alive.at_s)
        return None

    def _go_on(self, now_s: float) -> None:
        # While a camera is away nothing is known of it, so that time does not count.
        step_s = min(now_s - self._now.at_s, _LONGEST_STEP_S) if self._began else 0.0
        self._now = _Moment(now_s, self._now.seen_s + step_s)
        if not self._began:
            self._began = True
            self._bright = self._alive = self._alive_before_key = self._now

    def _look(self, luma: NDArray[np.uint8], sample: NDArray[np.uint8], *, is_key: bool) -> None:
        if is_key:
            self._see_key(luma, sample)
        else:
            self._see_other(sample)

    def _see_key(self, luma: NDArray[np.uint8], sample: NDArray[np.uint8]) -> None:
        self._after_key = 0
        is_new = self._keys.see(sample, zlib.crc32(np.ascontiguousarray(luma).data), tells=not self._reopened)
        if self._reopened:
            self._reopened = False
        elif is_new:
            self._see_new_key()
        elif self._keys.noisy:
            self._alive = self._alive_before_key  # the last new one was new because it was the first of the frozen
            self._key_repeated, self._new_keys = True, 0

    def _see_new_key(self) -> None:
        self._new_keys += 1
        # Of one and the same picture an encoder makes other key frames until its quantiser has settled. So they are no
        # sign of life where noise is known to show between them, unless they go on for longer than that takes.
        most = _MOST_RATIONED if self._others.noisy else _REQUANTISED if self._key_repeated else 0
        if self._new_keys < most:
            return
        self._others.forget()
        self._alive_before_key, self._alive, self._key_repeated = self._alive, self._now, False

    def _see_other(self, sample: NDArray[np.uint8]) -> None:
        self._after_key += 1
        tells = self._after_key > _REFINED
        if self._others.see(sample, zlib.crc32(sample.data), tells=tells) and tells:
            self._alive, self._new_keys, self._key_repeated = self._now, 0, False

    def _long_since(self, moment: _Moment) -> bool:
        return self._now.seen_s - moment.seen_s >= self._patience_s


class _Series:
    """Pictures of one kind, one after the other: which of them are new, and whether noise is what makes them so.

    Args:
        room: Latest steps by which noise is known.
        least_known: Steps without which nothing is known.

    Attributes:
        repeats: Pictures in a row, up to now, that were among the last few.
    """

    def __init__(self, room: int, least_known: int) -> None:
        self.repeats = 0
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._noisy: deque[bool] = deque(maxlen=room)
        self._least_known = least_known
        self._last: NDArray[np.uint8] | None = None

    @property
    def noisy(self) -> bool:
        """Whether the latest steps, up to the last new picture, were made by noise."""
        return len(self._noisy) >= self._least_known and sum(self._noisy) >= _KNOWN_SHARE * len(self._noisy)

    def forget(self) -> None:
        """Know nothing of noise any more."""
        self._noisy.clear()

    def see(self, sample: NDArray[np.uint8], digest: int, *, tells: bool = True) -> bool:
        """Take the next picture; return whether it is a new one.

        Args:
            sample: (H, W) uint8, some of its pixels.
            digest: Of all that must be the same in a picture that repeats.
            tells: Whether its difference from the last one tells of noise.
        """
        is_new = digest not in self._seen
        self._seen[digest] = None
        self._seen.move_to_end(digest)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        last, self._last = self._last, sample
        if not is_new:
            self.repeats += 1
            return False
        if last is not None and tells:
            # How a stretch without noise weighs is known by its end: while it lasts it may be a freeze.
            self._noisy.extend([False] * min(self.repeats, self._noisy.maxlen or 0))
            self._noisy.append(_is_noise(sample, last))
            self.repeats = 0
        return True


def _is_noise(sample: NDArray[np.uint8], last: NDArray[np.uint8]) -> bool:
    """Whether two pictures differ a little in most places."""
    if sample.shape != last.shape:
        return False
    height, width = (max(1, side // _BLOCKS) for side in sample.shape)
    change = np.abs(sample.astype(np.int16) - last)[: height * _BLOCKS, : width * _BLOCKS]
    blocks = change.reshape(change.shape[0] // height, height, change.shape[1] // width, width).mean(axis=(1, 3))
    return float(np.mean((blocks > 0) & (blocks <= _MOST_NOISE))) >= _NOISY_SHARE


def _is_black(sample: NDArray[np.uint8]) -> bool:
    highest = int(sample.max(initial=0))
    return highest <= _BLACK_LEVEL and highest - int(sample.min(initial=highest)) <= _BLACK_SPREAD

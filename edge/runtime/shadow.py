"""A model that may come looks at live frames beside the one in use, in a thread of its own: no frame waits for it."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Full, Queue
from statistics import median
from typing import Generic, TypeVar

_WARM_UP = 2  # frames whose time says nothing: memory is allocated, caches are cold
_TAKE_S = 0.1


Looked = TypeVar("Looked")  # what models look at: a frame, or a crop
Found = TypeVar("Found")  # what a model finds in a picture: detections, or tags
Agreement = Callable[[Found, Found], tuple[int, int]]  # of what the old one found: how much counts, and was found again


@dataclass(frozen=True, slots=True)
class Seen(Generic[Looked, Found]):
    """What the model in use looked at, and what it saw.

    Attributes:
        picture: A frame, or a crop (H, W, 3) uint8 BGR.
        found: What was found in it.
        infer_ms: What inference took.
    """

    picture: Looked
    found: Found
    infer_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two models did on the same frames.

    Attributes:
        frames: Number of frames, or of crops.
        old_ms: Median inference time of the model in use, meanwhile.
        new_ms: The same of the other one.
        agreement: Share of what the model in use found, of what both know, that the other one found too; None where
            it found nothing.
    """

    frames: int
    old_ms: float
    new_ms: float
    agreement: float | None

    @property
    def slower_by(self) -> float:
        """By which factor the other one takes longer."""
        return self.new_ms / max(self.old_ms, 1e-6)


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a comparison ends: after so many frames, or so many seconds, whichever comes first."""

    frames: int
    seconds: float


class Shadow(Generic[Looked, Found]):
    """Takes what workers have finished, one frame at a time and never one that waits; one thread compares."""

    def __init__(self) -> None:
        self._next: Queue[Seen[Looked, Found]] = Queue(maxsize=1)

    def offer(self, seen: Seen[Looked, Found]) -> None:
        """Show a frame; returns at once, and the frame is passed over where another one still waits."""
        with contextlib.suppress(Full):
            self._next.put_nowait(seen)

    def compare(
        self,
        look: Callable[[Looked], tuple[Found, float]],
        agreement: Agreement[Found],
        bounds: Bounds,
        stop: threading.Event,
    ) -> Comparison | None:
        """Let another model look at frames until the bounds; None where none came.

        Args:
            look: The other model: what it finds in a picture, and the milliseconds of inference.
            agreement: Compares what the two found.
            bounds: When to end.
            stop: Set to end at once.
        """
        end_s = time.monotonic() + bounds.seconds
        old_ms: list[float] = []
        new_ms: list[float] = []
        expected = found = 0
        while len(new_ms) < bounds.frames + _WARM_UP and time.monotonic() < end_s and not stop.is_set():
            try:
                seen = self._next.get(timeout=_TAKE_S)
            except Empty:
                continue
            found_too, took_ms = look(seen.picture)
            old_ms.append(seen.infer_ms)
            new_ms.append(took_ms)
            counted, again = agreement(seen.found, found_too)
            expected += counted
            found += again
        if not new_ms:
            return None
        warm = _WARM_UP if len(new_ms) > _WARM_UP else 0
        share = found / expected if expected else None
        return Comparison(len(new_ms) - warm, median(old_ms[warm:]), median(new_ms[warm:]), share)

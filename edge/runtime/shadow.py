"""A model that may come looks at live frames beside the one in use, in a thread of its own: no frame waits for it."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Full, Queue
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections, iou_matrix

_ALIKE_IOU = 0.5
_WARM_UP = 2  # frames whose time says nothing: memory is allocated, caches are cold
_TAKE_S = 0.1


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame as the model in use saw it.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        detections: In classes of the run.
        infer_ms: What inference took.
    """

    image: NDArray[np.uint8]
    detections: Detections
    infer_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two models did on the same frames.

    Attributes:
        frames: Number of frames.
        old_ms: Median inference time of the model in use, meanwhile.
        new_ms: The same of the other one.
        agreement: Share of what the model in use found, of classes that both know, that the other one found too;
            None where it found nothing.
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


class Shadow:
    """Takes what workers have finished, one frame at a time and never one that waits; one thread compares."""

    def __init__(self) -> None:
        self._next: Queue[Seen] = Queue(maxsize=1)

    def offer(self, seen: Seen) -> None:
        """Show a frame; returns at once, and the frame is passed over where another one still waits."""
        with contextlib.suppress(Full):
            self._next.put_nowait(seen)

    def compare(
        self,
        look: Callable[[NDArray[np.uint8]], tuple[Detections, float]],
        common: NDArray[np.int32],
        bounds: Bounds,
        stop: threading.Event,
    ) -> Comparison | None:
        """Let another model look at frames until the bounds; None where none came.

        Args:
            look: The other model: detections in classes of the run, and the milliseconds of inference.
            common: Ids of the classes that both models know.
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
            detections, took_ms = look(seen.image)
            old_ms.append(seen.infer_ms)
            new_ms.append(took_ms)
            counted = seen.detections.where(np.isin(seen.detections.class_id, common))
            expected += len(counted)
            found += _found(counted, detections)
        if not new_ms:
            return None
        warm = _WARM_UP if len(new_ms) > _WARM_UP else 0
        agreement = found / expected if expected else None
        return Comparison(len(new_ms) - warm, median(old_ms[warm:]), median(new_ms[warm:]), agreement)


def _found(expected: Detections, found: Detections) -> int:
    """Return how many detections (N,) have their like among others (M,)."""
    if not len(expected) or not len(found):
        return 0
    alike = expected.class_id[:, None] == found.class_id
    return int((alike & (iou_matrix(expected.xyxy, found.xyxy) >= _ALIKE_IOU)).any(axis=1).sum())

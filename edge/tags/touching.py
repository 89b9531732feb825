"""Tells one box around two objects that touch from a box around one: such a box must neither take nor end a track."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections, areas, overlap_matrix, shared_areas

# Of a box that must lie in another one to be a part of it.
_PART = 0.8
# Boxes that have less than this of the smaller one in common are two objects.
_APART = 0.4
# Of a box that its two parts must cover: two labels on a parcel do not.
_COVER = 0.7
# The surer part must be nearly as sure as the box around it: halves of one large parcel are not.
_AS_SURE = 0.9
# Frames in which two tracks were seen side by side, after which they are two objects for good.
_FRAMES_APART = 5


@dataclass(frozen=True, slots=True)
class Known:
    """Where the tracks that count should be in a frame, N rows.

    Attributes:
        track_id: Their ids.
        detections: Their boxes there, and the scores that they have had of late.
    """

    track_id: tuple[int, ...]
    detections: Detections


class TouchingObjects:
    """Remembers which tracks are objects of their own, and finds the boxes that take two of them for one."""

    def __init__(self) -> None:
        self._frames_apart: Counter[tuple[int, int]] = Counter()

    def see(self, seen: Known) -> None:
        """Count the frame in which tracks were seen, for each two that lay side by side."""
        first, second = np.nonzero(np.triu(overlap_matrix(seen.detections.xyxy, seen.detections.xyxy) < _APART, k=1))
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            self._frames_apart[_pair(seen.track_id[one], seen.track_id[other])] += 1

    def forget(self, alive: frozenset[int]) -> None:
        """Forget tracks that have ended: ids never come again."""
        self._frames_apart = Counter(
            {pair: count for pair, count in self._frames_apart.items() if alive.issuperset(pair)}
        )

    def unions(self, detections: Detections, known: Known) -> NDArray[np.bool_]:
        """Return which rows (N,) are boxes around two objects that were found in this frame or are followed.

        Args:
            detections: Of one frame.
            known: Where the tracks should be in it.
        """
        found = _parts(detections, detections)
        np.fill_diagonal(found, val=False)
        followed = _parts(detections, known.detections)
        return np.array(
            [
                _explain(detections.where(found[row]), whole)
                or _explain(known.detections.where(followed[row]), whole, self._are_two(known, followed[row]))
                for row, whole in ((row, detections.where(np.array([row]))) for row in range(len(detections)))
            ],
            np.bool_,
        )

    def _are_two(self, known: Known, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which two (K, K) of the chosen tracks are no parts of one object, however badly placed just now."""
        ids = [known.track_id[index] for index in np.flatnonzero(chosen)]
        two = [[self._frames_apart[_pair(one, other)] >= _FRAMES_APART for other in ids] for one in ids]
        return np.array(two, np.bool_).reshape(len(ids), len(ids))


def _parts(wholes: Detections, parts: Detections) -> NDArray[np.bool_]:
    """Return which parts (M,) lie in which wholes of their class, (N, M)."""
    inside = shared_areas(wholes.xyxy, parts.xyxy) > _PART * areas(parts.xyxy)
    return inside & (wholes.class_id[:, None] == parts.class_id)


def _explain(parts: Detections, whole: Detections, two: NDArray[np.bool_] | None = None) -> bool:
    """Whether any two parts (K,) are two objects, sure enough, and fill enough of a box, to be all that is in it.

    Args:
        parts: Boxes in it.
        whole: The box, one row.
        two: (K, K), which parts are known to be two objects; None where only their places tell.
    """
    if len(parts) <= 1:
        return False
    apart = overlap_matrix(parts.xyxy, parts.xyxy) < _APART
    filled = shared_areas(parts.xyxy, whole.xyxy)
    fill = filled + filled.T - shared_areas(parts.xyxy, parts.xyxy) > _COVER * areas(whole.xyxy)
    sure = np.maximum(parts.score[:, None], parts.score) >= _AS_SURE * whole.score
    return bool(np.triu((apart if two is None else apart | two) & fill & sure, k=1).any())


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)

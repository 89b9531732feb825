"""Tells one box around two objects that touch from a box around one: such a box must neither take nor end a track."""

from collections.abc import Sequence
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
        self._slot_of: dict[int, int] = {}  # by track
        self._frames_apart = np.zeros((0, 0), np.uint8)  # by slot and slot, up to _FRAMES_APART

    def see(self, seen: Known) -> None:
        """Count the frame in which tracks were seen, for each two that lay side by side."""
        chosen = self._slots(seen.track_id)
        apart = overlap_matrix(seen.detections.xyxy, seen.detections.xyxy) < _APART
        self._frames_apart[chosen] = np.minimum(self._frames_apart[chosen] + apart, _FRAMES_APART)

    def forget(self, alive: frozenset[int]) -> None:
        """Forget tracks that have ended: ids never come again."""
        kept = [track_id for track_id in self._slot_of if track_id in alive]
        slots = self._slots(kept)
        self._frames_apart = self._frames_apart[slots]
        self._slot_of = {track_id: slot for slot, track_id in enumerate(kept)}

    def unions(self, detections: Detections, known: Known) -> NDArray[np.bool_]:
        """Return which rows (N,) are boxes around two objects that were found in this frame or are followed.

        Args:
            detections: Of one frame.
            known: Where the tracks should be in it.
        """
        found = _parts(detections, detections)
        np.fill_diagonal(found, val=False)
        followed = _parts(detections, known.detections)
        unions = np.zeros(len(detections), np.bool_)
        for row in np.flatnonzero((found.sum(axis=1) > 1) | (followed.sum(axis=1) > 1)):  # one part explains nothing
            whole = detections.where(np.array([row]))
            unions[row] = _explain(detections.where(found[row]), whole) or _explain(
                known.detections.where(followed[row]), whole, self._are_two(known, followed[row])
            )
        return unions

    def _are_two(self, known: Known, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which two (K, K) of the chosen tracks are no parts of one object, however badly placed just now."""
        ids = [known.track_id[index] for index in np.flatnonzero(chosen)]
        slots = self._slots(ids)
        return self._frames_apart[slots] >= _FRAMES_APART

    def _slots(self, track_ids: Sequence[int]) -> tuple[NDArray[np.intp], ...]:
        """Return what selects the rows and columns of tracks; those that were not known get some."""
        slots = [self._slot_of.setdefault(track_id, len(self._slot_of)) for track_id in track_ids]
        self._frames_apart = np.pad(self._frames_apart, (0, len(self._slot_of) - len(self._frames_apart)))
        return np.ix_(slots, slots)


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

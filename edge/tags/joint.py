"""Notices that a box is around something else than it was, or around two parcels: no text may go to the wrong one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge.tags.ballot import SAME_PLACE, Text
from edge.tags.divided import Seam
from edge.tags.events import Xyxy

# Times by which a side of a box may grow, or shrink by its inverse, with the same object in it.
_MOST_GROWTH = 4 / 3


@dataclass(slots=True)
class BoxWatch:
    """Watches the sides of one parcel's box."""

    _judged: tuple[float, float] | None = None
    _last: tuple[float, float] = (0.0, 0.0)

    def changed(self, box: Xyxy, *, cut_off: bool) -> bool:
        """Whether a box is another one than at the last change.

        A parcel that leaves the picture shows less of itself from frame to frame, and is no other one for that.

        Args:
            box: Of the next frame.
            cut_off: Whether the picture's edge may hide a part of the parcel.
        """
        size = (max(box[2] - box[0], 1.0), max(box[3] - box[1], 1.0))
        before = self._judged
        leaves = cut_off and before is not None and size < self._last and not _differ(self._last, size)
        self._last = size
        if before is None or leaves:
            self._judged = size
            return False
        if not _differ(before, size):
            return False
        self._judged = size
        return True


def _differ(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return any(max(a / b, b / a) > _MOST_GROWTH for a, b in zip(one, other, strict=True))


def seam_between(texts: Sequence[Text], box: Xyxy) -> Seam | None:
    """Return where a box around two parcels parts, each of which bears one text; None where their labels lie together.

    Args:
        texts: The sure texts in the box, by place.
        box: The box, pixels.
    """
    sides = (box[2] - box[0], box[3] - box[1])
    best: tuple[float, Seam] | None = None
    for axis, side in enumerate(sides):
        places = sorted(text.y if axis else text.x for text in texts)
        for low, high in pairwise(places):
            if high - low >= SAME_PLACE and (best is None or (high - low) * side > best[0]):
                best = (high - low) * side, Seam(axis, (low + high) / 2)
    return best[1] if best is not None else None

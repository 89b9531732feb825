"""Goes on dividing a box around two objects that are known to be two, for as long as the detector finds but one box."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections, iou
from edge.tags.touching import Known

# IoU with the hull of the two from which on a box is around both of them.
_AROUND_BOTH = 0.6


@dataclass(frozen=True, slots=True)
class Seam:
    """Where two objects in one box part.

    Attributes:
        axis: 0 where they stand side by side, 1 where one is above the other.
        share: Of the box along that axis, from its left or top.
    """

    axis: int
    share: float

    def side(self, x: float, y: float) -> int:
        """Return on which part a place in the box lies, its coordinates from 0 to 1: 0 for the left or upper one."""
        return int((y if self.axis else x) > self.share)

    def cut(self, box: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the two parts (2, 4) of a box (4,), the left or upper one first."""
        parts = np.stack([box, box]).astype(np.float32)
        low, high = box[self.axis], box[self.axis + 2]
        parts[0, self.axis + 2] = parts[1, self.axis] = low + self.share * (high - low)
        return parts


class DividedBoxes:
    """Remembers which tracks came from one box, and divides every later box around both in the same way."""

    def __init__(self) -> None:
        self._pairs: list[tuple[int, int]] = []

    def add(self, first_id: int, second_id: int) -> None:
        """Remember two tracks that one box was divided into."""
        self._pairs.append((first_id, second_id))

    def divide(self, detections: Detections, known: Known) -> Detections:
        """Replace each box around both of a pair by its two parts; masks, where there are any, stay those of the whole.

        Args:
            detections: Of one frame.
            known: Where the tracks should be in it; a pair of which one is not known is forgotten.
        """
        self._pairs = [pair for pair in self._pairs if set(pair) <= set(known.track_id)]
        for pair in self._pairs:
            parts = known.detections.where(np.array([known.track_id.index(track_id) for track_id in pair], np.intp))
            detections = _divide(detections, parts)
        return detections


def _divide(detections: Detections, parts: Detections) -> Detections:
    hull = np.concatenate([parts.xyxy[:, :2].min(axis=0), parts.xyxy[:, 2:].max(axis=0)])
    around = np.where(detections.class_id == parts.class_id[0], iou(detections.xyxy, hull), 0.0)
    alone = np.maximum(iou(detections.xyxy, parts.xyxy[0]), iou(detections.xyxy, parts.xyxy[1]))
    around = np.where(around > alone, around, 0.0)
    if around.max(initial=0.0) < _AROUND_BOTH:
        return detections
    row = int(around.argmax())
    whole = detections.xyxy[row]
    # The parts lie in the box that was found as they should in the hull of where they should be.
    corner, size = np.tile(hull[:2], 2), np.tile(np.maximum(hull[2:] - hull[:2], 1), 2)
    placed = np.tile(whole[:2], 2) + (parts.xyxy - corner) / size * np.tile(whole[2:] - whole[:2], 2)
    others = np.delete(np.arange(len(detections)), row)
    divided = detections.where(np.concatenate([others, [row, row]]).astype(np.intp))
    return replace(divided, xyxy=np.concatenate([detections.xyxy[others], placed]).astype(np.float32))

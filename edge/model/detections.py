"""Detections of one picture as columns, the type that the model half hands to the tags half."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.model.masks import Masks


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found in one picture, N rows.

    Attributes:
        xyxy: (N, 4) float32, left, top, right, bottom in pixels of the frame, clipped to it.
        score: (N,) float32, 0 to 1.
        class_id: (N,) int32, index into the bundle's classes.
        masks: N masks in pixels of the frame, None where the model gives none.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int32]
    masks: Masks | None = None

    def __post_init__(self) -> None:
        """Refuse columns of different lengths.

        Raises:
            ValueError: The columns do not describe the same N rows.
        """
        count = self.score.shape[0]
        if self.xyxy.shape != (count, 4) or self.class_id.shape != (count,):
            raise ValueError(f"columns disagree: xyxy {self.xyxy.shape}, score ({count},), {self.class_id.shape}")
        if self.masks is not None and len(self.masks) != count:
            raise ValueError(f"columns disagree: {len(self.masks)} masks, score ({count},)")

    def __len__(self) -> int:
        """Return N."""
        return int(self.score.shape[0])

    @classmethod
    def empty(cls) -> "Detections":
        """Return no rows at all."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> "Detections":
        """Return the rows that a mask (N,) or an index array selects, in its order."""
        masks = self.masks.where(keep) if self.masks is not None else None
        return Detections(self.xyxy[keep], self.score[keep], self.class_id[keep], masks)

    def outline(self, row: int) -> tuple[tuple[float, float], ...] | None:
        """Return the corners of a row's outline in pixels of the frame, None where it has no mask or an empty one."""
        if self.masks is None:
            return None
        return tuple((float(x), float(y)) for x, y in self.masks.outline(row)) or None


def areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the areas (N,) of boxes (N, 4), square pixels."""
    return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)


def shared_areas(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the areas (N, M) that boxes (N, 4) and boxes (M, 4) share, square pixels."""
    # Widths and heights apart: numpy reduces an axis of two elements many times slower than it multiplies two matrices.
    wide = np.minimum(first[:, 2, None], second[:, 2]) - np.maximum(first[:, 0, None], second[:, 0])
    high = np.minimum(first[:, 3, None], second[:, 3]) - np.maximum(first[:, 1, None], second[:, 1])
    return np.maximum(wide, 0) * np.maximum(high, 0)


def iou_matrix(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return intersection over union (N, M) of boxes (N, 4) and boxes (M, 4)."""
    shared = shared_areas(first, second)
    return (shared / np.maximum(areas(first)[:, None] + areas(second) - shared, 1e-9)).astype(np.float32)


def iou(boxes: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the overlap (N,) of boxes (N, 4) with one box (4,), intersection over union."""
    return iou_matrix(boxes, box[None])[:, 0]


def overlap_matrix(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return which share (N, M) of the smaller of two boxes both have in common, of boxes (N, 4) and boxes (M, 4)."""
    smaller = np.minimum(areas(first)[:, None], areas(second))
    return (shared_areas(first, second) / np.maximum(smaller, 1e-9)).astype(np.float32)

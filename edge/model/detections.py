"""Detections of one picture as columns, the type that the model half hands to the tags half."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found in one picture, N rows.

    Attributes:
        xyxy: (N, 4) float32, left, top, right, bottom in pixels of the frame, clipped to it.
        score: (N,) float32, 0 to 1.
        class_id: (N,) int32, index into the bundle's classes.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int32]

    def __post_init__(self) -> None:
        """Refuse columns of different lengths.

        Raises:
            ValueError: The columns do not describe the same N rows.
        """
        count = self.score.shape[0]
        if self.xyxy.shape != (count, 4) or self.class_id.shape != (count,):
            raise ValueError(f"columns disagree: xyxy {self.xyxy.shape}, score ({count},), {self.class_id.shape}")

    def __len__(self) -> int:
        """Return N."""
        return int(self.score.shape[0])

    @classmethod
    def empty(cls) -> "Detections":
        """Return no rows at all."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> "Detections":
        """Return the rows that a mask (N,) or an index array selects, in its order."""
        return Detections(self.xyxy[keep], self.score[keep], self.class_id[keep])

"""Masks of objects: which pixels of the frame are theirs, kept no larger than their boxes."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model.geometry import Letterbox

_TOLERANCE = 0.005  # of an outline's length: what a polygon may leave out
_LEAST_CORNERS = 3


@dataclass(frozen=True, slots=True)
class Masks:
    """One mask for each of N objects.

    A mask is cut to its object's box: a frame full of small objects costs their pixels, not N frames.

    Attributes:
        corners: (N, 2) int32, left and top of each mask in pixels of the frame.
        crops: N arrays (h, w) uint8, 1 where a pixel is the object's, 0 elsewhere; inside the frame, none empty.
    """

    corners: NDArray[np.int32]
    crops: tuple[NDArray[np.uint8], ...]

    def __post_init__(self) -> None:
        """Refuse columns of different lengths.

        Raises:
            ValueError: The columns do not describe the same N masks.
        """
        if self.corners.shape != (len(self.crops), 2):
            raise ValueError(f"columns disagree: corners {self.corners.shape}, {len(self.crops)} crops")

    def __len__(self) -> int:
        """Return N."""
        return len(self.crops)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> "Masks":
        """Return the masks that a mask (N,) or an index array selects, in its order."""
        rows = np.arange(len(self))[keep]
        return Masks(self.corners[rows], tuple(self.crops[row] for row in rows))

    def painted(self, row: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return one mask as large as its frame (height, width), 1 where a pixel is the object's."""
        whole = np.zeros((height, width), np.uint8)
        left, top = self.corners[row]
        crop = self.crops[row]
        whole[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
        return whole

    def outline(self, row: int) -> NDArray[np.float32]:
        """Return the outline (M, 2) of an object's largest piece, pixels of the frame, through its pixels' middles.

        Corners that lie near the line between others are left out. (0, 2) where the mask is empty or too small for one.
        """
        found, _ = cv2.findContours(self.crops[row], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        if not found:
            return np.zeros((0, 2), np.float32)
        largest = max(found, key=cv2.contourArea)
        simple = cv2.approxPolyDP(largest, max(1.0, _TOLERANCE * cv2.arcLength(largest, closed=True)), closed=True)
        corners = simple.reshape(-1, 2).astype(np.float32) + self.corners[row].astype(np.float32) + np.float32(0.5)
        return corners if len(corners) >= _LEAST_CORNERS else np.zeros((0, 2), np.float32)


def masks_from_prototypes(
    coefficients: NDArray[np.float32],
    prototypes: NDArray[np.float32],
    xyxy: NDArray[np.float32],
    letterbox: Letterbox,
) -> Masks:
    """Return the masks of objects whose head tells each as a sum of prototypes.

    A pixel is the object's where its middle lies in the box and the sum, interpolated to it, is above 0 (a score above
    a half).

    Args:
        coefficients: (N, P), the weight of each prototype.
        prototypes: (P, rows, columns), laid over the whole input.
        xyxy: (N, 4) boxes in pixels of the frame, clipped to it, none thinner than a pixel.
        letterbox: How the frame lay in the input.

    Source: YOLACT, arXiv 1904.02689, equation 1, without the sigmoid, whose sign is the sum's.
    """
    count, rows, columns = prototypes.shape
    corners = np.floor(xyxy[:, :2] + 0.5).astype(np.int32)
    ends = np.floor(xyxy[:, 2:] + 0.5).astype(np.int32)
    scale = np.array([columns / letterbox.input_width, rows / letterbox.input_height])
    # From the middle of a frame's pixel to a place between the middles of prototypes' pixels: step * index + begin.
    across = np.array([letterbox.width / letterbox.frame_width, letterbox.height / letterbox.frame_height])
    step = across * scale
    begin = (0.5 * across + (letterbox.left, letterbox.top)) * scale - 0.5
    crops: list[NDArray[np.uint8]] = []
    for row, (corner, end) in enumerate(zip(corners, ends, strict=True)):
        first = np.clip(np.floor(step * corner + begin), 0, (columns - 1, rows - 1)).astype(int)
        last = np.clip(np.ceil(step * (end - 1) + begin), first, (columns - 1, rows - 1)).astype(int)
        part = prototypes[:, first[1] : last[1] + 1, first[0] : last[0] + 1]
        sums = (coefficients[row] @ part.reshape(count, -1)).reshape(part.shape[1:])
        offset = step * corner + begin - first
        placed = np.array([[step[0], 0, offset[0]], [0, step[1], offset[1]]])
        width, height = (int(size) for size in end - corner)
        drawn = cv2.warpAffine(
            sums,
            placed,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        crops.append((drawn > 0).astype(np.uint8))
    return Masks(corners, tuple(crops))

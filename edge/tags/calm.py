"""Whether a place in the picture shows the same from frame to frame: while a hand moves there, nothing is sure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.tags.events import Xyxy

_MOST_CELLS = 12  # a side
_CELL_PX = 6  # looked at a side of a cell, at least: so a sensor's noise averages out, and more would say no more
_CHANGE = 7.0  # levels of brightness by which one cell must change, that of the whole place aside


class Calm:
    """How a place looks in one frame, to be held against how it looks in later ones.

    Args:
        luma: The frame's brightness, (H, W) uint8.
        xyxy: The place, pixels.

    Attributes:
        cells: Mean brightness (rows, columns) of its cells, float32.
    """

    def __init__(self, luma: NDArray[np.uint8], xyxy: Xyxy) -> None:
        self._xyxy = xyxy
        self.cells = _cells(luma, xyxy)

    def again(self, luma: NDArray[np.uint8]) -> "Calm":
        """Return how the very same place looks in another frame, (H, W) uint8."""
        return Calm(luma, self._xyxy)

    def like(self, before: "Calm") -> bool:
        """Whether the place still looks as it did.

        A light that goes on or off changes all of the place alike, and is no movement.
        """
        # Done in each frame for each empty place: numpy's own median takes as long as all the rest.
        change = np.sort(self.cells - before.cells, axis=None)
        median = (change[(change.size - 1) // 2] + change[change.size // 2]) / 2
        return bool(max(change[-1] - median, median - change[0]) < _CHANGE)


def _cells(luma: NDArray[np.uint8], xyxy: Xyxy) -> NDArray[np.float32]:
    """Return the mean brightness (rows, columns) of the cells of a place, of what of it lies in the picture."""
    height, width = luma.shape
    left, right = (min(max(round(x), 0), width) for x in (xyxy[0], xyxy[2]))
    top, bottom = (min(max(round(y), 0), height) for y in (xyxy[1], xyxy[3]))
    if right <= left or bottom <= top:
        return np.zeros((1, 1), np.float32)
    columns, rows = (min(max(side // _CELL_PX, 1), _MOST_CELLS) for side in (right - left, bottom - top))
    across, down = max(1, (right - left) // (columns * _CELL_PX)), max(1, (bottom - top) // (rows * _CELL_PX))
    looked_at = np.ascontiguousarray(luma[top:bottom:down, left:right:across])
    return np.asarray(cv2.resize(looked_at, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)

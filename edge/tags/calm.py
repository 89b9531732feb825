"""Whether a place in the picture shows the same from frame to frame: while a hand moves there, nothing is sure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.tags.events import Xyxy

_MOST_CELLS = 12  # a side
_CELL_PX = 6  # looked at a side of a cell, at least: so a sensor's noise averages out, and more would say no more
_CHANGE = 7.0  # levels of brightness by which one cell must change, that of the whole place aside


class Calm:
    """Holds a place in later frames against how it looked when it was first asked about.

    Args:
        luma: A frame's brightness, (H, W) uint8.
        xyxy: The place, pixels.
    """

    def __init__(self, luma: NDArray[np.uint8], xyxy: Xyxy) -> None:
        self._cells = _cells(luma, xyxy)

    def holds(self, luma: NDArray[np.uint8], xyxy: Xyxy) -> bool:
        """Whether the place (same box) still looks as it did.

        A light that goes on or off changes all of the place alike, and is no movement.
        """
        change = _cells(luma, xyxy) - self._cells
        return bool(np.abs(change - np.median(change)).max(initial=0.0) < _CHANGE)


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

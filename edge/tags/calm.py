"""Whether a place in the picture shows the same from frame to frame: while a hand moves there, nothing is sure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.tags.events import Xyxy

_MOST_CELLS = 12  # a side
_CELL_PX = 6  # at least, so that a sensor's noise averages out
_CHANGE = 8.0  # grey levels of 256 by which one cell must change, the brightness of the whole place aside


class Calm:
    """Holds a place in later frames against how it looked when it was first asked about.

    Args:
        image: (H, W, 3) uint8 BGR.
        xyxy: The place, pixels.
    """

    def __init__(self, image: NDArray[np.uint8], xyxy: Xyxy) -> None:
        self._cells = _cells(image, xyxy)

    def holds(self, image: NDArray[np.uint8], xyxy: Xyxy) -> bool:
        """Whether the place (same box) still looks as it did.

        A light that goes on or off changes all of the place alike, and is no movement.
        """
        change = _cells(image, xyxy) - self._cells
        return bool(np.abs(change - np.median(change)).max(initial=0.0) < _CHANGE)


def _cells(image: NDArray[np.uint8], xyxy: Xyxy) -> NDArray[np.float32]:
    """Return the mean brightness (rows, columns) of the cells of a place, of what of it lies in the picture."""
    height, width = image.shape[:2]
    left, right = (min(max(round(x), 0), width) for x in (xyxy[0], xyxy[2]))
    top, bottom = (min(max(round(y), 0), height) for y in (xyxy[1], xyxy[3]))
    if right <= left or bottom <= top:
        return np.zeros((1, 1), np.float32)
    columns, rows = (min(max(side // _CELL_PX, 1), _MOST_CELLS) for side in (right - left, bottom - top))
    small = cv2.resize(image[top:bottom, left:right], (columns, rows), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)

"""The outline of what is seen of a thing: exact where nothing hides it, else drawn around its pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synth.arrays import Floats

Outline = tuple[tuple[float, float], ...]
_FINER = 4  # pixels are cut into so many parts a side, so that a contour around them is good to an eighth of one
_TOLERANCE = 0.5  # pixels that a contour may be off for having fewer corners


def seen_outline(outline: Floats, seen: NDArray[np.bool_], corner: tuple[int, int], *, hidden: bool) -> Outline:
    """Return the outline of what is seen, corners (x, y) in pixels of the picture; of its largest part where it is cut.

    Args:
        outline: (N, 2) of the whole thing, convex, pixels.
        seen: (h, w) the pixels of it that are seen.
        corner: Where `seen` lies, left and top.
        hidden: Whether something nearer hides a part of it.
    """
    if not hidden:
        left, top = corner
        low, high = np.array([left, top]), np.array([left + seen.shape[1], top + seen.shape[0]])
        frame = np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)
        hull = cv2.convexHull(outline.astype(np.float32))
        points = np.asarray(cv2.intersectConvexConvex(hull, frame)[1]).reshape(-1, 2)
    else:
        finer = np.kron(seen, np.ones((_FINER, _FINER), np.bool_)).astype(np.uint8)
        contours = cv2.findContours(finer, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        largest = max(contours, key=cv2.contourArea)
        corners = np.asarray(cv2.approxPolyDP(largest, _TOLERANCE * _FINER, closed=True)).reshape(-1, 2)
        points = (corners + 0.5) / _FINER + corner
    return tuple((float(x), float(y)) for x, y in points)

"""Blackens what a camera must not show, before anybody stores, shows or infers anything of it."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.section import Point


class PrivacyMasks:
    """The masks of one camera.

    Args:
        masks: Polygons; x and y as shares of the picture's width and height.
    """

    def __init__(self, masks: Sequence[Sequence[Point]]) -> None:
        self._masks = [np.array(mask, np.float64) for mask in masks]

    def apply(self, image: NDArray[np.uint8]) -> None:
        """Blacken the masked parts of a picture in place.

        Args:
            image: (H, W, 3) uint8.
        """
        if not self._masks:
            return
        scale = np.array((image.shape[1], image.shape[0]), np.float64)
        # Outwards to whole pixels on all sides: what touches a mask's edge is hidden.
        for mask in self._masks:
            corners = np.rint(mask * scale).astype(np.int32)
            cv2.fillPoly(image, [corners], (0, 0, 0), lineType=cv2.LINE_8)
            cv2.polylines(image, [corners], isClosed=True, color=(0, 0, 0), thickness=2)

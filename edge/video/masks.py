"""Blackens what a camera must not show, before anybody stores, shows or infers anything of it."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.section import Point
from edge.video.frame import Frame
from edge.video.planes import Planes


class PrivacyMasks:
    """The masks of one camera.

    Args:
        masks: Polygons; x and y as shares of the picture's width and height.
    """

    def __init__(self, masks: Sequence[Sequence[Point]]) -> None:
        self._masks = [np.array(mask, np.float64) for mask in masks]

    def cover(self, frame: Frame) -> Frame:
        """Return a frame that does not show what is masked, in whatever form it is looked at."""
        if not self._masks:
            return frame
        if isinstance(frame.pixels, Planes):
            return replace(frame, pixels=frame.pixels.covered(self._blacken))
        self._blacken(frame.pixels)
        return frame

    def _blacken(self, image: NDArray[np.uint8], black: int = 0) -> None:
        """Blacken the masked parts of a picture (H, W, 3) or a plane (H, W), in which one value is black, in place."""
        scale = np.array((image.shape[1], image.shape[0]), np.float64)
        # Outwards to whole pixels on all sides: what touches a mask's edge is hidden.
        for mask in self._masks:
            corners = np.rint(mask * scale).astype(np.int32)
            cv2.fillPoly(image, [corners], (black,) * 3, lineType=cv2.LINE_8)
            cv2.polylines(image, [corners], isClosed=True, color=(black,) * 3, thickness=2)

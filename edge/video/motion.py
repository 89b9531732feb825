"""Tells pictures that show something new from those that do not, so that a still scene costs next to nothing."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.video.frame import Frame

_CELL_PX = 8
_SIGMA_OF_MEDIAN = 1.4826  # of a normal distribution, from the median of its absolute values
_SKIP = 4  # every fourth row gives a cell's mean well enough, in a quarter of the time


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """How a gate decides.

    Attributes:
        least_change: Grey levels by which the mean of a cell of 8x8 pixels must differ, however little noise there is.
        noise_factor: The same, as a multiple of the noise that most cells show.
        global_change: Grey levels by which half of all cells differ when the light, not the scene, has changed.
        least_cells: Cells that must differ; a label of 15 pixels covers as many.
        linger_s: Seconds after the last change in which pictures still pass, so that what moved is seen at rest.
        longest_rest_s: Seconds after which a picture passes whatever it shows.
    """

    least_change: float = 7.0
    noise_factor: float = 6.0
    global_change: float = 4.0
    least_cells: int = 3
    linger_s: float = 0.5
    longest_rest_s: float = 5.0


class MotionGate:
    """Holds each picture of one camera against the last one that passed; slow changes add up until they pass.

    Args:
        settings: How it decides.
    """

    def __init__(self, settings: MotionSettings | None = None) -> None:
        self._settings = settings or MotionSettings()
        self._reference: NDArray[np.uint8] | None = None
        self._passed_s = 0.0
        self._moved_s = 0.0
        self._rests = False

    def rests(self) -> bool:
        """Return whether the newest picture was a still one. May be asked from any thread."""
        return self._rests

    def is_still(self, frame: Frame) -> bool:
        """Return whether a frame shows what the last one that passed did. Frames come in the order of capture.

        Args:
            frame: Its brightness is looked at.
        """
        cells = _cells(frame.luma)
        now_s = frame.media_s
        settings = self._settings
        moved = self._reference is None or self._reference.shape != cells.shape
        if self._reference is not None and not moved:
            moved = self._differ(np.asarray(cv2.absdiff(cells, self._reference), np.uint8))
        if moved:
            self._moved_s = now_s
        rested = now_s - self._moved_s > settings.linger_s and now_s - self._passed_s < settings.longest_rest_s
        self._rests = not moved and rested
        if not self._rests:
            self._reference, self._passed_s = cells, now_s
        return self._rests

    def _differ(self, change: NDArray[np.uint8]) -> bool:
        settings = self._settings
        changed = int(np.count_nonzero(change >= math.ceil(settings.least_change)))
        brighter = int(np.count_nonzero(change >= math.ceil(settings.global_change)))
        if changed < settings.least_cells and 2 * brighter < change.size:
            return False  # nearly all pictures of a still scene: what most cells show need not be known
        usual = float(np.median(change))
        if usual >= settings.global_change:
            return True
        least = max(settings.least_change, settings.noise_factor * _SIGMA_OF_MEDIAN * usual)
        return int(np.count_nonzero(change >= least)) >= settings.least_cells


def _cells(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (max(1, luma.shape[1] // _CELL_PX), max(1, luma.shape[0] // _CELL_PX))
    rows = np.ascontiguousarray(luma[::_SKIP])
    return np.asarray(cv2.resize(rows, size, interpolation=cv2.INTER_AREA), np.uint8)

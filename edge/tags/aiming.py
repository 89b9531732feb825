"""What helps to aim a camera: how many pixels a code's module has, how sharp and how free of glare the picture is.

The measures are those by which a no-read gets its reason, so that what the aiming view calls good the runtime can read.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from edge.tags.ballot import LEAST_MODULE_PX, LEAST_SHARPNESS, MOST_GLARE
from edge.tags.codes import formats_of
from edge.tags.reading import sharpness_and_glare

Corners = tuple[tuple[float, float], ...]

_SAMPLES_A_PX = 4
_SCANS = (0.3, 0.4, 0.5, 0.6, 0.7)  # where across a code its modules are measured
_MIDDLE = 0.3  # side of the piece in the middle of a picture, as a share
_LEAST_CONTRAST = 20.0
_LEAST_RUNS = 3  # fewer bars are no code
_NARROW_PERCENT = 33  # of all symbologies' bars and spaces at least so many are one module long
_REFINEMENTS = 3


@dataclass(frozen=True, slots=True)
class AimedCode:
    """A code that was read.

    Attributes:
        text: What it says.
        symbology: As zxing-cpp names it.
        corners: (x, y) in pixels, clockwise from its upper left.
        module_px: Pixels a module, 0 where it could not be measured.
        sharpness: As `sharpness_and_glare` measures it in the code's upright box.
        glare: Likewise.
    """

    text: str
    symbology: str
    corners: Corners
    module_px: float
    sharpness: float
    glare: float

    @property
    def advice(self) -> str | None:
        """What to mend, None where nothing is."""
        if self.module_px < LEAST_MODULE_PX:
            return "too small: come nearer or zoom in"
        if self.glare > MOST_GLARE:
            return "glare: turn the light or the camera"
        if self.sharpness < LEAST_SHARPNESS:
            return "not sharp: turn the focus ring, or shorten the exposure"
        return None


@dataclass(frozen=True, slots=True)
class Aim:
    """How well a camera is aimed: what was read anywhere, and how the picture's middle is."""

    codes: tuple[AimedCode, ...]
    sharpness: float
    glare: float


class AimingEye:
    """Looks at single pictures for whoever aims a camera.

    Args:
        formats: Names of the symbologies to look for, as zxing-cpp spells them.

    Raises:
        EdgekitError: A name is unknown.
    """

    def __init__(self, formats: tuple[str, ...]) -> None:
        self._formats = formats_of(formats)

    def look(self, image: NDArray[np.uint8]) -> Aim:
        """Return what a picture (H, W, 3) uint8 BGR shows."""
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        found = zxingcpp.read_barcodes(gray, formats=self._formats, text_mode=zxingcpp.TextMode.Plain)
        codes = tuple(_aimed(gray, code) for code in found if code.valid)
        return Aim(codes, *sharpness_and_glare(_middle(gray)))


def module_px(gray: NDArray[np.uint8], corners: Corners) -> float:
    """Return how many pixels a module of a code has, 0 where its bars cannot be told apart.

    Bars and spaces along a line through the code are whole numbers of modules long. Beginning with the narrow ones, the
    module is the length of them all divided by the number of modules that they make together.

    Args:
        gray: (H, W) uint8.
        corners: Of the code, (x, y) in pixels, clockwise from its upper left.
    """
    left_top, right_top, right_bottom, left_bottom = (np.array(corner, np.float64) for corner in corners)
    bars, spaces = np.empty(0), np.empty(0)
    for across in _SCANS:
        start = left_top + (left_bottom - left_top) * across
        end = right_top + (right_bottom - right_top) * across
        dark, bright = _runs_px(gray, start, end)
        bars, spaces = np.append(bars, dark), np.append(spaces, bright)
    if min(len(bars), len(spaces)) < _LEAST_RUNS:
        return 0.0
    return _common_unit(bars, spaces)


def _aimed(gray: NDArray[np.uint8], code: zxingcpp.Barcode) -> AimedCode:
    place = code.position
    points = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    corners = tuple((float(point.x), float(point.y)) for point in points)
    (left, top), (right, bottom) = np.min(corners, axis=0), np.max(corners, axis=0)
    height = max(bottom - top, 8.0)  # a linear code may be found as a single line of it
    top, bottom = (top + bottom - height) / 2, (top + bottom + height) / 2
    piece = gray[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1]
    return AimedCode(code.text, code.format.name, corners, module_px(gray, corners), *sharpness_and_glare(piece))


def _middle(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = gray.shape
    rows, columns = round(height * _MIDDLE / 2), round(width * _MIDDLE / 2)
    return gray[height // 2 - rows : height // 2 + rows + 1, width // 2 - columns : width // 2 + columns + 1]


def _runs_px(
    gray: NDArray[np.uint8], start: NDArray[np.float64], end: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lengths of bars and spaces between two points, pixels, without the first and last, which are cut."""
    nothing = np.empty(0), np.empty(0)
    length = float(np.linalg.norm(end - start))
    count = int(length * _SAMPLES_A_PX)
    if count < 2 * _SAMPLES_A_PX:
        return nothing
    along = np.linspace(0.0, 1.0, count)[:, None]
    points = (start + (end - start) * along).astype(np.float32)
    profile = np.asarray(cv2.remap(gray, points[None, :, 0], points[None, :, 1], cv2.INTER_LINEAR), np.float64)[0]
    dark, bright = np.percentile(profile, (10, 90))
    if bright - dark < _LEAST_CONTRAST:
        return nothing
    is_bright = profile > (dark + bright) / 2
    edges = np.flatnonzero(np.diff(is_bright))
    runs = np.diff(edges) * (length / (count - 1))
    lit = is_bright[edges[:-1] + 1]
    return runs[~lit], runs[lit]


def _common_unit(bars: NDArray[np.float64], spaces: NDArray[np.float64]) -> float:
    # Blur lengthens one kind at the cost of the other: the mean of both kinds' narrow ones does not change.
    unit = sum(float(np.percentile(kind, _NARROW_PERCENT)) for kind in (bars, spaces)) / 2
    runs = np.append(bars, spaces)
    for _ in range(_REFINEMENTS):
        unit = float(runs.sum() / np.maximum(1.0, np.rint(runs / unit)).sum())
    return unit

"""Named array types and the few OpenCV calls that the renderer needs, typed here as OpenCV's own stubs are loose."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


def resized(image: npt.NDArray[np.generic], width: int, height: int, interpolation: int = cv2.INTER_AREA) -> Image:
    """Return an image of the given size, as uint8."""
    return np.asarray(cv2.resize(np.asarray(image, np.uint8), (width, height), interpolation=interpolation), np.uint8)


def blurred(image: Image, sigma_x: float, sigma_y: float | None = None) -> Image:
    """Return a Gaussian blur; sigmas in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigmaX=sigma_x, sigmaY=sigma_y or sigma_x), np.uint8)


def clipped(values: npt.NDArray[np.floating | np.integer]) -> Image:
    """Return values rounded towards zero into 0..255."""
    return np.clip(values, 0, 255).astype(np.uint8)


def fill_polygon(canvas: npt.NDArray[np.integer], points: Floats, value: Sequence[int] | int) -> None:
    """Fill a convex polygon (N,2), in continuous pixel coordinates, to a sixteenth of a pixel."""
    fixed = np.round((points - 0.5) * 16).astype(np.int32)
    colour = (float(value),) if isinstance(value, int) else [float(part) for part in value]
    cv2.fillConvexPoly(canvas, fixed, colour, lineType=cv2.LINE_8, shift=4)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: float) -> npt.NDArray[np.float32]:
    """Return soft noise of standard deviation about 1, (height, width) float32, its blotches `cell` pixels wide."""
    rows, columns = max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)
    grid = rng.standard_normal((rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)

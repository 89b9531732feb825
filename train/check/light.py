"""How blurred, dark, bright or empty a picture is."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from train.check.findings import Finding
from train.check.limits import CheckLimits

LONG_SIDE = 512  # judged at the size at which a detector looks, not at the camera's
_WINDOW = 9
_REMEDY = "take the picture again, or take it out with --fix if the cameras on site never see it so"


@dataclass(frozen=True, slots=True)
class Light:
    """What the grey levels of a picture come to.

    Attributes:
        blur: 0 where every edge is sharp, to 1 where blurring it once more would change nothing.
        low: Level, 0 to 255, that a hundredth of the picture does not exceed.
        high: Level that a hundredth reaches.
        spread: Standard deviation of the levels.
    """

    blur: float
    low: float
    high: float
    spread: float


def light_of(grey: NDArray[np.uint8]) -> Light:
    """Measure a grey picture (H, W)."""
    scale = min(1.0, LONG_SIDE / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    low, high = np.percentile(small, (1, 99))
    return Light(_blur(np.asarray(small, np.float32)), float(low), float(high), float(small.std()))


def _blur(grey: NDArray[np.float32]) -> float:
    """Return how little of a picture's differences between neighbours a mean over nine of them takes away.

    Unlike the variance of the Laplacian it does not depend on contrast and content: a blurred picture stays what it is,
    a sharp one does not.

    Source: Crete et al., The blur effect: perception and estimation with a new no-reference perceptual blur metric,
        2007.
    """
    worst = 0.0
    for axis, window in ((0, (1, _WINDOW)), (1, (_WINDOW, 1))):
        before = np.abs(np.diff(grey, axis=axis))
        after = np.abs(np.diff(cv2.blur(grey, window), axis=axis))
        total = float(before.sum())
        lost = float(np.maximum(before - after, 0).sum())
        worst = max(worst, (total - lost) / total if total > 0 else 0.0)
    return worst


def light_findings(name: str, light: Light, limits: CheckLimits) -> Iterator[Finding]:
    """Yield what is wrong with the light of a picture; one that shows nothing is not told to be blurred too."""
    if light.spread < limits.blank:
        detail = f"its grey levels spread by {light.spread:.1f}, at least {limits.blank:g} are wanted"
        yield Finding("blank", (name,), detail, _REMEDY, (name,))
        return
    if light.blur > limits.blur:
        detail = f"blur {light.blur:.2f} of 1, at most {limits.blur:g} is wanted"
        yield Finding("blurred", (name,), detail, _REMEDY, (name,))
    if light.high < limits.dark:
        detail = f"99 % of it are below grey level {light.high:.0f} of 255, {limits.dark:g} is wanted"
        yield Finding("dark", (name,), detail, _REMEDY, (name,))
    if light.low > limits.bright:
        detail = f"99 % of it are above grey level {light.low:.0f} of 255, at most {limits.bright:g} is wanted"
        yield Finding("bright", (name,), detail, _REMEDY, (name,))

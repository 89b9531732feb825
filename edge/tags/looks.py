"""Ways of looking at a picture of a code: what one cannot read another may, and two that agree are hardly wrong."""

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

Gray = NDArray[np.uint8]

SMALL_PX = 320  # a picture whose shorter side is longer than this gains nothing when it is enlarged in the runtime
_EQUALISED_TILES = (8, 8)
_EQUALISED_LIMIT = 3.0
_SHARPENED_SIGMA_PX = 2.0
_SCAN_LINES = 7
_STRIPE_ROWS = 256


class Treatment(Enum):
    """What is done to the picture before the reader sees it.

    EQUALISE evens out light and contrast tile by tile; SHARPEN undoes some blur; AVERAGE averages neighbouring scan
    lines along the bars, which takes noise away from a linear code and nothing from its bars.
    """

    PLAIN = "plain"
    SHARPEN = "sharpen"
    EQUALISE = "equalise"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Look:
    """One way of looking.

    Attributes:
        treatment: What is done to the picture.
        scale: By how much it is enlarged first.
        local: Whether black and white are told apart by their surroundings, or by one threshold a line.
    """

    treatment: Treatment = Treatment.PLAIN
    scale: float = 1.0
    local: bool = True

    @property
    def binarizer(self) -> zxingcpp.Binarizer:
        """The reader's way to tell black from white."""
        return zxingcpp.Binarizer.LocalAverage if self.local else zxingcpp.Binarizer.GlobalHistogram

    def of(self, gray: Gray) -> Gray:
        """Return a picture (H, W) uint8 as this look shows it, (round(H * scale), round(W * scale)) uint8."""
        if self.scale != 1.0:
            gray = _array(cv2.resize(gray, None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_CUBIC))
        match self.treatment:
            case Treatment.PLAIN:
                return gray
            case Treatment.SHARPEN:
                blurred = cv2.GaussianBlur(gray, (0, 0), _SHARPENED_SIGMA_PX * self.scale)
                return _array(cv2.addWeighted(gray, 2.0, blurred, -1.0, 0, dst=blurred))
            case Treatment.EQUALISE:
                return _array(cv2.createCLAHE(_EQUALISED_LIMIT, _EQUALISED_TILES).apply(gray))
            case Treatment.AVERAGE:
                return _array(cv2.blur(gray, (1, _SCAN_LINES) if _upright_bars(gray) else (_SCAN_LINES, 1)))


def _upright_bars(gray: Gray) -> bool:
    """Whether brightness changes more from left to right than from top to bottom."""
    across = along = 0.0
    for top in range(0, len(gray), _STRIPE_ROWS):  # a photo's gradients as a whole are eight times the photo
        begin, end = max(0, top - 1), top + _STRIPE_ROWS
        stripe, rows = gray[begin : end + 1], slice(top - begin, end - begin)
        across += cv2.norm(cv2.Sobel(stripe, cv2.CV_16S, 1, 0)[rows], cv2.NORM_L1)
        along += cv2.norm(cv2.Sobel(stripe, cv2.CV_16S, 0, 1)[rows], cv2.NORM_L1)
    return across >= along


def _array(picture: object) -> Gray:
    return np.asarray(picture, np.uint8)


# A code on a belt is seen in many frames; each frame looks in the next way. Enlarged ones come early, since labels far
# from the camera are small, and only for small pieces.
IN_TURN = (
    Look(),
    Look(scale=2.0),
    Look(Treatment.EQUALISE),
    Look(Treatment.SHARPEN, scale=2.0),
    Look(Treatment.EQUALISE, local=False),
    Look(Treatment.SHARPEN),
)

# A single photo gets no second frame, so all of these look at it. Chosen on one half of `barcode-decode` by what each
# adds to those before it; RESULTS.md has what they reach on the other half.
AT_ONCE = (
    Look(),
    Look(Treatment.EQUALISE),
    Look(Treatment.EQUALISE, local=False),
    Look(Treatment.SHARPEN, scale=2.0),
    Look(Treatment.AVERAGE, scale=2.0, local=False),
    Look(Treatment.AVERAGE, scale=1.5, local=False),
)

"""What scoring begins with and ends in: one picture's objects and detections, and the score of a class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.outlines import Outlines
from edge.model.detections import Detections


@dataclass(frozen=True, slots=True)
class PictureResult:
    """One picture: what stands in it and what was found.

    Attributes:
        truth_xyxy: (M, 4) float32, pixels of the picture.
        truth_class: (M,) int32.
        found: In pixels of the picture too.
        outlines: Masks of both, None where the model gives none or the picture is labelled by boxes.
    """

    truth_xyxy: NDArray[np.float32]
    truth_class: NDArray[np.int32]
    found: Detections
    outlines: Outlines | None = None


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Average precision of one class, 0 to 1.

    Attributes:
        map50: At IoU 0.5.
        map50_95: Mean over IoU 0.5 to 0.95 in steps of 0.05.

    Source: Lin et al., Microsoft COCO, 2014; 101 recall points. A picture counts with as many detections as the runtime
    gives, 300, and not with COCO's 100: a full pallet shows more cartons than that.
    """

    map50: float
    map50_95: float

"""Masks of a picture's objects as run lengths, the form in which COCO's scoring compares them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from faster_coco_eval.core import mask as run_lengths
from numpy.typing import NDArray

from edge.evaluate.labels import Label
from edge.model.masks import Masks

By = Literal["boxes", "masks"]  # what a detection and an object have to share
Runs = dict[str, Any]  # {"size": [rows, columns], "counts": bytes}, as the scorer takes it


@dataclass(frozen=True, slots=True)
class Outlines:
    """What stands in a picture and what was found in it, by their masks.

    Attributes:
        truth: Of each object, in the order of the labels.
        found: Of each detection, in the detections' order.
    """

    truth: tuple[Runs, ...]
    found: tuple[Runs, ...]

    def overlaps(self, found: NDArray[np.intp], truth: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return intersection over union (N, M) of some detections and some objects, by their rows."""
        if not len(found) or not len(truth):
            return np.zeros((len(found), len(truth)))
        first, second = [self.found[row] for row in found], [self.truth[row] for row in truth]
        return np.asarray(run_lengths.iou(first, second, [0] * len(second)), np.float64)


def outlines_of(labels: Sequence[Label], masks: Masks | None, height: int, width: int) -> Outlines | None:
    """Return a picture's masks, None where the model gives none or an object is labelled by a box alone.

    Args:
        labels: Of the picture.
        masks: What was found in it, in its pixels.
        height: Of the picture, pixels.
        width: Of the picture, pixels.
    """
    if masks is None or any(label.polygon is None for label in labels):
        return None
    truth = tuple(_runs_of_polygon(label.polygon, height, width) for label in labels if label.polygon is not None)
    found = tuple(_runs_of_mask(masks.painted(row, width, height)) for row in range(len(masks)))
    return Outlines(truth, found)


def _runs_of_polygon(polygon: Sequence[tuple[float, float]], height: int, width: int) -> Runs:
    flat = [float(value) for x, y in polygon for value in (x * width, y * height)]
    polygons: Any = [flat]  # typed as one polygon, read as several
    return run_lengths.segmToRle(polygons, width, height)


def _runs_of_mask(mask: NDArray[np.uint8]) -> Runs:
    return run_lengths.encode(np.asfortranarray(mask))

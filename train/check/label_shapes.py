"""Labels that are valid and still cannot be meant: too small to show anything, or one thing twice."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.labels import Label
from edge.model.detections import iou_matrix
from train.check.findings import Finding
from train.check.limits import CheckLimits
from train.check.look import Look

_REMEDY = "take the row out of its label file; --fix leaves it, since the picture is good"


def label_findings(look: Look, classes: Sequence[str], limits: CheckLimits) -> Iterator[Finding]:
    """Yield what is wrong with the labels of a picture that can be read."""
    if look.view is None or not look.labels:
        return
    boxes = corners(look.labels)
    side = np.array([look.view.width, look.view.height] * 2, np.float32)
    for label, box in zip(look.labels, boxes, strict=True):
        width, height = label.cxcywh[2] * look.view.width, label.cxcywh[3] * look.view.height
        if min(width, height) < limits.least_px:
            detail = f"a {classes[label.class_id]} of {width:.1f} x {height:.1f} pixels at {_place(box * side)}"
            yield Finding("tiny-label", (look.name,), detail, _REMEDY, marks=(_mark(box),))
    class_ids = np.array([label.class_id for label in look.labels])
    twice = (iou_matrix(boxes, boxes) >= limits.double) & (class_ids[:, None] == class_ids)
    for first, second in np.argwhere(np.triu(twice, 1)).tolist():
        detail = f"two labels of one {classes[look.labels[first].class_id]} at {_place(boxes[first] * side)}"
        yield Finding("double-label", (look.name,), detail, _REMEDY, marks=(_mark(boxes[first]), _mark(boxes[second])))


def corners(labels: Sequence[Label]) -> NDArray[np.float32]:
    """Return the labels' boxes (N, 4) xyxy as shares of the picture's sides."""
    shares = np.array([label.cxcywh for label in labels], np.float32).reshape(-1, 4)
    half = shares[:, 2:] / np.float32(2)
    return np.concatenate([shares[:, :2] - half, shares[:, :2] + half], axis=1).astype(np.float32)


def _mark(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(edge) for edge in box)
    return left, top, right, bottom


def _place(box: NDArray[np.float32]) -> str:
    return f"({', '.join(str(round(value)) for value in box.tolist())})"

"""Labels that a trained model contradicts, of the parts that a training may read: the test part is not shown to it."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.dataset import SPLITS, DetectionSet
from edge.evaluate.labels import Label
from edge.model.detections import Detections, iou
from edge.model.detector import Detector
from train.check.findings import Finding
from train.check.label_shapes import corners
from train.check.limits import CheckLimits
from train.check.look import Look, read_whole

_TOUCHES = 0.3  # IoU from which on a label and a detection may be of one thing
_REMEDY = "look at the picture: either the label is wrong or the model is; --fix leaves it"


def opinion_findings(
    opened: DetectionSet,
    looks: Sequence[Look],
    detector: Detector,
    limits: CheckLimits,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Finding]:
    """Yield things that the model sees surely and nobody labelled so, the surest first, then labels that it never sees.

    Args:
        opened: The set; its classes are the model's.
        looks: At its pictures.
        detector: Any score threshold; `limits.unseen` is used.
        limits: How sure it has to be.
        advance: Called after each picture.
    """
    lenient = detector.at_threshold(limits.unseen)
    told: list[tuple[float, Finding]] = []
    for look in looks:
        if look.split in SPLITS and look.view is not None and look.labels is not None:
            picture = read_whole(look.path)
            height, width = picture.shape[:2]
            side = np.array([width, height] * 2, np.float32)
            boxes = corners(look.labels) * side
            found = lenient.detect(picture)
            for box, score, what in _contradictions(boxes, look.labels, found, opened, limits):
                left, top, right, bottom = (box / side).tolist()
                place = f"({', '.join(str(round(value)) for value in box.tolist())})"
                marks = ((left, top, right, bottom),)
                told.append((score, Finding("contradicted", (look.name,), f"{what}, at {place}", _REMEDY, marks=marks)))
        advance()
    yield from (finding for _, finding in sorted(told, key=lambda entry: -entry[0]))


def _contradictions(
    boxes: NDArray[np.float32],
    labels: Sequence[Label],
    found: Detections,
    opened: DetectionSet,
    limits: CheckLimits,
) -> Iterator[tuple[NDArray[np.float32], float, str]]:
    """Yield boxes (4,) in pixels, how sure the model is that they contradict, and what."""
    classes, labelled = opened.description.classes, opened.labelled_ids
    of_label = np.array([label.class_id for label in labels], np.int32)
    sure = found.where((found.score >= limits.sure) & np.isin(found.class_id, sorted(labelled)))
    for box, class_id in zip(boxes, of_label.tolist(), strict=True):
        same = found.class_id == class_id
        if not (same & (iou(found.xyxy, box) >= _TOUCHES)).any() and not (iou(sure.xyxy, box) >= _TOUCHES).any():
            yield box, 0.0, f"the model never sees this {classes[class_id]}"
    for box, score, class_id in zip(sure.xyxy, sure.score.tolist(), sure.class_id.tolist(), strict=True):
        touched = of_label[iou(boxes, box) >= _TOUCHES].tolist()
        if not touched:
            yield box, score, f"the model sees a {classes[class_id]} that nobody labelled, score {score:.2f}"
        elif class_id not in touched:
            yield box, score, f"the model takes this {classes[touched[0]]} for a {classes[class_id]}, score {score:.2f}"

"""Average precision by class, scored by faster-coco-eval, and how much of it is luck of the draw of pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

from edge.evaluate.evaluation import Size
from edge.evaluate.matching import match
from edge.evaluate.outlines import By, Runs
from edge.evaluate.picture_result import AveragePrecision, PictureResult
from edge.model.decode import MOST_DETECTIONS

_KIND: Mapping[By, Literal["bbox", "segm"]] = {"boxes": "bbox", "masks": "segm"}  # as the scorer names them
SIZES: Mapping[Size, tuple[float, float]] = MappingProxyType(
    {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}
)
INTERVAL = (2.5, 97.5)  # percentiles: 95 % of the draws


def average_precision(
    pictures: Sequence[PictureResult], class_ids: Sequence[int], by: By = "boxes"
) -> dict[int, AveragePrecision]:
    """Return the average precision of each class that stands in the pictures at all.

    Args:
        pictures: To score by masks, all of them have outlines.
        class_ids: The classes.
        by: What a detection and an object have to share, their boxes or their masks.
    """
    precision = _precision(pictures, class_ids, by, {"all": (0, 1e10)})
    if precision is None:
        present = {int(class_id) for picture in pictures for class_id in picture.truth_class}
        return {class_id: AveragePrecision(0.0, 0.0) for class_id in class_ids if class_id in present}
    scores: dict[int, AveragePrecision] = {}
    for column, class_id in enumerate(class_ids):
        of_class = precision[:, :, column, 0]
        if (of_class > -1).all():  # -1 stands for a class without any object
            scores[class_id] = AveragePrecision(float(of_class[0].mean()), float(of_class.mean()))
    return scores


@dataclass(frozen=True, slots=True)
class OfSize:
    """How many objects of a class have a size, and their mAP50-95, 0 to 1."""

    objects: int
    map50_95: float


def average_precision_by_size(pictures: Sequence[PictureResult], class_id: int) -> dict[Size, OfSize]:
    """Return what a class comes to by the size of its objects, those sizes left out that none has.

    Source: COCO's sizes, 32 and 96 pixels squared, here in pixels of the pictures as they are.
    """
    extents = [picture.truth_xyxy[picture.truth_class == class_id] for picture in pictures]
    areas = np.concatenate([np.prod(boxes[:, 2:] - boxes[:, :2], axis=1, dtype=np.float64) for boxes in extents])
    precision = _precision(pictures, [class_id], "boxes", SIZES)
    found: dict[Size, OfSize] = {}
    for column, (name, (low, high)) in enumerate(SIZES.items()):
        objects = int(((areas >= low) & (areas <= high)).sum())
        if objects:
            score = 0.0 if precision is None else float(precision[:, :, 0, column].mean())
            found[name] = OfSize(objects, max(0.0, score))
    return found


def _precision(
    pictures: Sequence[PictureResult], class_ids: Sequence[int], by: By, sizes: Mapping[Any, tuple[float, float]]
) -> NDArray[np.float64] | None:
    """Return precision by IoU, recall, class and size, -1 where there is no object; None where nothing was found."""
    truth = COCO(_truth(pictures, class_ids, by))
    rows = _found(pictures, class_ids, by)
    if not rows:
        return None
    scorer = COCOeval_faster(truth, truth.loadRes(rows), _KIND[by], print_function=_silent)
    scorer.params.areaRng, scorer.params.areaRngLbl = [list(bounds) for bounds in sizes.values()], list(sizes)
    scorer.params.maxDets = [1, 10, MOST_DETECTIONS]
    scorer.params.catIds = list(class_ids)
    scorer.evaluate()
    scorer.accumulate()
    return np.asarray(scorer.eval["precision"])[:, :, :, :, -1]


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the score of a class is luck of the draw of pictures: its 95 % intervals, low and high, 0 to 1."""

    map50: tuple[float, float]
    map50_95: tuple[float, float]


def spread(pictures: Sequence[PictureResult], class_id: int, *, draws: int, seed: int, by: By = "boxes") -> Spread:
    """Return the intervals of a class that stands in the pictures, by bootstrap over them.

    Pictures of one camera are alike: another camera may well lie outside.

    Args:
        pictures: At least one of them shows the class.
        class_id: The class.
        draws: Samples, drawn with replacement; those that do not show the class say nothing of it.
        seed: Of the draws.
        by: What a detection and an object have to share.
    """
    matches = match(pictures, class_id, by)
    random = np.random.default_rng(seed)
    drawn = (matches.average_precision(random.integers(0, len(pictures), len(pictures))) for _ in range(draws))
    scores = np.array([(score.map50, score.map50_95) for score in drawn if score is not None])
    if not len(scores):
        every = matches.average_precision(np.arange(len(pictures)))
        scores = np.array([(every.map50, every.map50_95)] if every is not None else [(0.0, 0.0)])
    (low50, low), (high50, high) = np.percentile(scores, INTERVAL, axis=0).tolist()
    return Spread((low50, high50), (low, high))


def _truth(pictures: Sequence[PictureResult], class_ids: Sequence[int], by: By) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image_id, picture in enumerate(pictures, start=1):
        boxes = _xywh(picture.truth_xyxy)
        masks = _masks(picture.outlines.truth if picture.outlines and by == "masks" else (), len(boxes))
        for box, class_id, mask in zip(boxes, picture.truth_class.tolist(), masks, strict=True):
            if class_id in class_ids:
                row = {"id": len(annotations) + 1, "image_id": image_id, "category_id": class_id}
                annotations.append({**row, "bbox": box, "area": box[2] * box[3], "iscrowd": 0, **mask})
    return {
        "images": [{"id": image_id, **_size(picture)} for image_id, picture in enumerate(pictures, start=1)],
        "annotations": annotations,
        "categories": [{"id": class_id, "name": str(class_id)} for class_id in class_ids],
    }


def _found(pictures: Sequence[PictureResult], class_ids: Sequence[int], by: By) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for image_id, picture in enumerate(pictures, start=1):
        found = picture.found
        masks = _masks(picture.outlines.found if picture.outlines and by == "masks" else (), len(found))
        columns = zip(_xywh(found.xyxy), found.class_id.tolist(), found.score.tolist(), masks, strict=True)
        for box, class_id, score, mask in columns:
            if class_id in class_ids:
                # The scorer takes a row that names a box for a box: masks come without.
                shape = mask or {"bbox": box}
                rows.append({"image_id": image_id, "category_id": class_id, "score": score, **shape})
    return rows


def _size(picture: PictureResult) -> dict[str, int]:
    """Return what the scorer asks of a picture with objects or detections that are scored by their masks."""
    runs = () if picture.outlines is None else (*picture.outlines.truth, *picture.outlines.found)
    return {"height": runs[0]["size"][0], "width": runs[0]["size"][1]} if runs else {}


def _masks(runs: Sequence[Runs], count: int) -> list[dict[str, Any]]:
    """Return what a row says of its mask, nothing where it is scored by its box."""
    return [{"segmentation": one} for one in runs] or [{}] * count


def _xywh(xyxy: NDArray[np.float32]) -> list[list[float]]:
    return np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1).astype(np.float64).tolist()


def _silent(*_words: object) -> None:
    """Take the scorer's chatter."""

"""Runs a model over sets of pictures through the runtime's own code, and scores each class where it is labelled."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from devices.errors import EdgekitError
from edge.evaluate.average_precision import average_precision
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.labels import label_rows
from edge.evaluate.picture_result import AveragePrecision, PictureResult
from edge.model.detector import Detector
from edge.model.picture import read_picture

LEAST_SCORE = 0.001  # average precision looks at the whole curve, down to the weakest detection


@dataclass(frozen=True, slots=True)
class SetResult:
    """What a model found on one set.

    Attributes:
        name: Of the set.
        class_ids: The classes that it labels, ids of the model.
        pictures: In the order of their names.
    """

    name: str
    class_ids: tuple[int, ...]
    pictures: tuple[PictureResult, ...]


def run_over(
    detector: Detector, sets: Sequence[DetectionSet], split: str, advance: Callable[[], None] = lambda: None
) -> tuple[SetResult, ...]:
    """Run a model over a split of each set.

    Args:
        detector: With a score threshold of `LEAST_SCORE`.
        sets: Their classes have to be the model's.
        split: `train` or `val`.
        advance: Called after each picture.

    Raises:
        EdgekitError: A set has other classes, no pictures in the split, or a picture or label that cannot be read.
    """
    results: list[SetResult] = []
    for opened in sets:
        name = opened.description.name
        if opened.description.classes != detector.classes:
            raise EdgekitError(f"{name} has the classes {opened.description.classes}, the model {detector.classes}")
        paths = opened.pictures(split)
        if not paths:
            raise EdgekitError(f"{opened.folder} holds no picture in images/{split}")

        def one(path: Path, opened: DetectionSet = opened) -> PictureResult:
            result = _result(detector, opened, path)
            advance()
            return result

        with ThreadPoolExecutor(detector.info.requests) as pool:
            pictures = tuple(pool.map(one, paths))
        results.append(SetResult(name, tuple(sorted(opened.labelled_ids)), pictures))
    return tuple(results)


def score_by_class(results: Sequence[SetResult]) -> Mapping[int, AveragePrecision]:
    """Return the average precision of each class, over the pictures of all sets that label it."""
    classes = sorted({class_id for result in results for class_id in result.class_ids})
    scores: dict[int, AveragePrecision] = {}
    for class_id in classes:
        pictures = [picture for result in results if class_id in result.class_ids for picture in result.pictures]
        scores |= average_precision(pictures, [class_id])
    return scores


def _result(detector: Detector, opened: DetectionSet, path: Path) -> PictureResult:
    picture = read_picture(path)
    height, width = picture.shape[:2]
    rows = list(label_rows(opened.label_file(path), len(opened.description.classes)))
    centres = np.array([box for _, box in rows], np.float32).reshape(-1, 4)
    corners = np.concatenate([centres[:, :2] - centres[:, 2:] / 2, centres[:, :2] + centres[:, 2:] / 2], axis=1)
    return PictureResult(
        (corners * np.array([width, height] * 2, np.float32)).astype(np.float32),
        np.array([class_id for class_id, _ in rows], np.int32),
        detector.detect(picture),
    )

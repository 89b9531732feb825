"""Runs a model over sets of pictures through the runtime's own code, and scores each class where it is labelled."""

from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from devices.errors import EdgekitError
from edge.evaluate.average_precision import average_precision
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.labels import read_labels
from edge.evaluate.outlines import By, outlines_of
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
        names: The pictures' file names, in order.
        pictures: In the same order.
    """

    name: str
    class_ids: tuple[int, ...]
    names: tuple[str, ...]
    pictures: tuple[PictureResult, ...]

    def part(self, names: Container[str]) -> "SetResult":
        """Return the same of some of the pictures."""
        rows = [row for row, name in enumerate(self.names) if name in names]
        return replace(
            self, names=tuple(self.names[row] for row in rows), pictures=tuple(self.pictures[row] for row in rows)
        )


def check_fit(classes: tuple[str, ...], sets: Sequence[DetectionSet], split: str) -> None:
    """Check that a model of these classes can be scored on a split of each set, before anything is opened.

    Raises:
        EdgekitError: A set has other classes, or no pictures in the split.
    """
    for opened in sets:
        name = opened.description.name
        if opened.description.classes != classes:
            raise EdgekitError(f"{name} has the classes {opened.description.classes}, the model {classes}")
        if not opened.pictures(split):
            raise EdgekitError(f"{opened.folder} holds no picture in images/{split}")


def run_over(
    detector: Detector, sets: Sequence[DetectionSet], split: str, advance: Callable[[], None] = lambda: None
) -> tuple[SetResult, ...]:
    """Run a model over a split of each set.

    Args:
        detector: With a score threshold of `LEAST_SCORE`.
        sets: Their classes have to be the model's.
        split: `train`, `val` or `test`.
        advance: Called after each picture.

    Raises:
        EdgekitError: A set has other classes, no pictures in the split, or a picture or label that cannot be read.
    """
    check_fit(detector.classes, sets, split)
    return tuple(run_over_set(detector, opened, split, advance) for opened in sets)


def run_over_set(
    detector: Detector, opened: DetectionSet, split: str, advance: Callable[[], None] = lambda: None
) -> SetResult:
    """Run a model over a split of a set, which may label more than the model knows: there it finds nothing.

    Args:
        detector: Its classes are the first of the set's.
        opened: The set.
        split: `train`, `val` or `test`.
        advance: Called after each picture.

    Raises:
        EdgekitError: A picture or label cannot be read.
    """
    paths = opened.pictures(split)

    def one(path: Path) -> PictureResult:
        result = _result(detector, opened, path)
        advance()
        return result

    with ThreadPoolExecutor(detector.info.requests) as pool:
        pictures = tuple(pool.map(one, paths))
    names = tuple(path.name for path in paths)
    return SetResult(opened.description.name, tuple(sorted(opened.labelled_ids)), names, pictures)


def with_outlines(results: Sequence[SetResult]) -> tuple[SetResult, ...]:
    """Return the results on sets that are labelled by outlines, of a model that gives masks."""
    return tuple(result for result in results if all(picture.outlines is not None for picture in result.pictures))


def score_by_class(results: Sequence[SetResult], by: By = "boxes") -> Mapping[int, AveragePrecision]:
    """Return the average precision of each class, over the pictures of all sets that label it."""
    classes = sorted({class_id for result in results for class_id in result.class_ids})
    scores: dict[int, AveragePrecision] = {}
    for class_id in classes:
        scores |= average_precision(pictures_of_class(results, class_id), [class_id], by)
    return scores


def pictures_of_class(results: Sequence[SetResult], class_id: int) -> list[PictureResult]:
    """Return the pictures of all sets that label a class."""
    return [picture for result in results if class_id in result.class_ids for picture in result.pictures]


def _result(detector: Detector, opened: DetectionSet, path: Path) -> PictureResult:
    picture = read_picture(path)
    height, width = picture.shape[:2]
    labels = list(read_labels(opened.label_file(path), len(opened.description.classes)))
    centres = np.array([label.cxcywh for label in labels], np.float32).reshape(-1, 4)
    corners = np.concatenate([centres[:, :2] - centres[:, 2:] / 2, centres[:, :2] + centres[:, 2:] / 2], axis=1)
    found = detector.detect(picture)
    return PictureResult(
        (corners * np.array([width, height] * 2, np.float32)).astype(np.float32),
        np.array([label.class_id for label in labels], np.int32),
        found,
        outlines_of(labels, found.masks, height, width),
    )

"""How far a second model is from a first one over the same sets, with the share of it that is luck of the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.average_precision import INTERVAL
from edge.evaluate.matching import Matches, match
from edge.evaluate.measure import SetResult, pictures_of_class, score_by_class
from edge.evaluate.outlines import By


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean AP50-95 of a second model less that of a first one, over the same pictures, with its 95 % interval."""

    points: float
    low: float
    high: float


def difference(
    first: Sequence[SetResult], second: Sequence[SetResult], *, draws: int, seed: int, by: By = "boxes"
) -> Difference:
    """Compare two models on the same pictures, in points (hundredths) of mAP50-95 over the classes.

    Both are scored on each draw, so that what is easy or hard about its pictures falls out of the difference. Each
    class counts alike, however many sets label it.

    Args:
        first: Results of the first model, set by set.
        second: Results of the second model on the same sets in the same order.
        draws: Bootstrap samples, drawn with replacement from the pictures of each set.
        seed: Of the draws.
        by: What a detection and an object have to share.
    """
    classes = sorted({class_id for result in first for class_id in result.class_ids})
    before, after = (
        [match(pictures_of_class(results, class_id), class_id, by) for class_id in classes]
        for results in (first, second)
    )
    random = np.random.default_rng(seed)
    differences: list[float] = []
    for _ in range(draws):
        drawn = [random.integers(0, len(result.pictures), len(result.pictures)) for result in first]
        by_class = [_of_class(first, drawn, class_id) for class_id in classes]
        differences.append(100 * (_mean_of_draw(after, by_class) - _mean_of_draw(before, by_class)))
    low, high = (float(value) for value in np.percentile(differences, INTERVAL))
    return Difference(100 * (mean_ap(second, by) - mean_ap(first, by)), low, high)


def mean_ap(results: Sequence[SetResult], by: By = "boxes") -> float:
    """Return mAP50-95 over all classes that stand in the pictures, 0 to 1."""
    scores = score_by_class(results, by).values()
    return float(np.mean([score.map50_95 for score in scores])) if scores else 0.0


def _of_class(results: Sequence[SetResult], drawn: Sequence[NDArray[np.int64]], class_id: int) -> NDArray[np.int64]:
    """Return a draw of all sets as places among the pictures of those that label a class."""
    places: list[NDArray[np.int64]] = []
    before = 0
    for result, rows in zip(results, drawn, strict=True):
        if class_id in result.class_ids:
            places.append(rows + before)
            before += len(result.pictures)
    return np.concatenate(places)


def _mean_of_draw(classes: Sequence[Matches], drawn: Sequence[NDArray[np.int64]]) -> float:
    scores = [matches.average_precision(rows) for matches, rows in zip(classes, drawn, strict=True)]
    return float(np.mean([score.map50_95 for score in scores if score is not None] or [0.0]))

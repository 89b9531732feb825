"""The score from which on a box believes a detector: where that lies best, and what it finds from there on.

mAP looks at the order of detections alone. A box has one threshold, so a smaller model whose scores have sunk keeps its
mAP and finds half as much.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.matching import Matches, match
from edge.evaluate.measure import SetResult, pictures_of_class

THRESHOLDS = np.linspace(0.01, 0.99, 99)
_AS_GOOD = 0.02  # of F1: around its best it is flat, and where exactly it is highest is luck (RESULTS.md)


def best_threshold(results: Sequence[SetResult]) -> float:
    """Return the middle of the scores at which the mean F1 of all classes is within two points of its best.

    A detection is right at an overlap of 0.5.
    """
    mean = np.mean([_f1(matches) for matches in _matches(results).values()], axis=0)
    good = THRESHOLDS[mean >= mean.max() - _AS_GOOD]
    return float((good[0] + good[-1]) / 2)


def recall_by_class(results: Sequence[SetResult], threshold: float) -> Mapping[int, float]:
    """Return the share of each class's objects that is found at a score threshold, at an overlap of 0.5."""
    return {
        class_id: float((matches.right[0] & (matches.score >= threshold)).sum() / matches.objects.sum())
        for class_id, matches in _matches(results).items()
    }


def _matches(results: Sequence[SetResult]) -> Mapping[int, Matches]:
    """Return the matches of each class that stands in the pictures."""
    classes = sorted({class_id for result in results for class_id in result.class_ids})
    found = {class_id: match(pictures_of_class(results, class_id), class_id) for class_id in classes}
    return {class_id: matches for class_id, matches in found.items() if matches.objects.sum()}


def _f1(matches: Matches) -> NDArray[np.float64]:
    """Return F1 at each of `THRESHOLDS`."""
    found = matches.score[:, None] >= THRESHOLDS
    right = found & matches.right[0][:, None]
    return 2 * right.sum(axis=0) / (found.sum(axis=0) + matches.objects.sum())

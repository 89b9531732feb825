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
_SMOOTHED = 11  # thresholds: F1 is flat around its best, and its highest single value is luck


def best_threshold(results: Sequence[SetResult]) -> float:
    """Return the score at which the mean F1 of all classes is highest, at an overlap of 0.5; F1 is smoothed by 0.1."""
    curves = [_f1(matches) for matches in _matches(results).values()]
    mean = np.mean(curves, axis=0)
    side = _SMOOTHED // 2
    smooth = np.convolve(np.pad(mean, side, mode="edge"), np.full(_SMOOTHED, 1 / _SMOOTHED), mode="valid")
    return float(THRESHOLDS[smooth.argmax()])


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

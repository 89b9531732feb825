"""What a box would tell of the pictures: from its threshold on, how much of it is right, and what is taken for what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.measure import SetResult
from edge.evaluate.pairing import confusion_of_picture, paired


@dataclass(frozen=True, slots=True)
class Told:
    """Of one class, at an overlap of 0.5: 0 to 1; None where there is nothing to divide by."""

    precision: float | None
    recall: float | None
    f1: float | None


def confusion(results: Sequence[SetResult], classes: int, threshold: float) -> NDArray[np.int64]:
    """Return (classes + 1, classes + 1): rows as labelled, columns as found, the last of each for no object.

    What a set does not label is left out of its pictures.
    """
    total = np.zeros((classes + 1, classes + 1), np.int64)
    for result in results:
        for picture in result.pictures:
            labelled = np.isin(picture.truth_class, result.class_ids)
            found = picture.found.where(
                np.isin(picture.found.class_id, result.class_ids) & (picture.found.score >= threshold)
            )
            pairs = paired(picture.truth_xyxy[labelled], found.xyxy)
            truth_class = picture.truth_class[labelled].tolist()
            total += confusion_of_picture(truth_class, found.class_id.tolist(), pairs, classes)
    return total


def told_of(counts: NDArray[np.int64], class_id: int) -> Told:
    """Return precision, recall and F1 of a class by a confusion."""
    right, found, labelled = (
        int(value) for value in (counts[class_id, class_id], counts[:, class_id].sum(), counts[class_id].sum())
    )
    return Told(
        right / found if found else None,
        right / labelled if labelled else None,
        2 * right / (found + labelled) if found + labelled else None,
    )

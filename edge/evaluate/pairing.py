"""Which detection belongs to which object, whatever their classes, and what is taken for what by that."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.model.detections import iou_matrix

NOTHING = "nothing"  # labelled or found where the other has no object
LEAST_IOU = 0.5
Pairs = tuple[tuple[int, int], ...]


def paired(truth: NDArray[np.float32], found: NDArray[np.float32]) -> Pairs:
    """Return which object and which detection belong together: the best overlaps first, each only once.

    Args:
        truth: (N, 4) boxes as labelled, xyxy.
        found: (M, 4) boxes as found.
    """
    overlaps = iou_matrix(truth, found)
    pairs: list[tuple[int, int]] = []
    for cell in np.argsort(-overlaps, axis=None, kind="stable"):
        row, other = divmod(int(cell), len(found))
        if overlaps[row, other] < LEAST_IOU:
            break
        if all(row != taken and other != used for taken, used in pairs):
            pairs.append((row, other))
    return tuple(pairs)


def confusion_of_picture(truth: Sequence[int], found: Sequence[int], pairs: Pairs, classes: int) -> NDArray[np.int64]:
    """Return (classes + 1, classes + 1): rows as labelled, columns as found, the last of each for no object.

    Args:
        truth: Class ids as labelled.
        found: Class ids as found.
        pairs: Rows of the two that belong together.
        classes: How many there are.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for row, other in pairs:
        counts[truth[row], found[other]] += 1
    paired_truth, paired_found = ({pair[side] for pair in pairs} for side in (0, 1))
    for row in set(range(len(truth))) - paired_truth:
        counts[truth[row], -1] += 1
    for other in set(range(len(found))) - paired_found:
        counts[-1, found[other]] += 1
    return counts

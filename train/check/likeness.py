"""Pictures that are nearly the same, found from thumbnails: also where one is mirrored, turned or cut from the other.

Thumbnails of 32 x 32 grey levels, brought to zero mean and unit length, are compared all with all in matrix products;
the product of two is their correlation. Brightness, contrast, size and coding of a picture fall out of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32
# Cut off at each side. Between two of these steps a correlation of 0.9 is still reached.
CUTS = (0.0, 0.025, 0.05, 0.075, 0.1)
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures that are alike, by index, the first the lower; their correlation, -1 to 1."""

    first: int
    second: int
    likeness: float


def thumbnails(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a picture's thumbnails (len(CUTS), SIDE, SIDE) with zero mean and unit length, whole and cut.

    A picture without any contrast has all zeros, and so is like none.
    """
    height, width = grey.shape
    made = np.empty((len(CUTS), SIDE, SIDE), np.float32)
    for number, cut in enumerate(CUTS):
        rows, columns = int(height * cut), int(width * cut)
        part = grey[rows : height - rows, columns : width - columns]
        made[number] = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return unit(made)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pictures (N, H, W) with zero mean and unit length each; those without contrast as zeros."""
    centred = vectors - vectors.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
    # Less than half a grey level on average is rounding, not contrast.
    return np.where(length > SIDE / 2, centred / np.maximum(length, 1e-9), 0.0).astype(np.float32)


def alike(thumbs: NDArray[np.float32], at_least: float) -> list[Pair]:
    """Return all pairs of pictures that are alike, by index.

    Args:
        thumbs: (N, len(CUTS), SIDE, SIDE) as `thumbnails` makes them.
        at_least: The correlation from which on they are.
    """
    count = len(thumbs)
    flat = thumbs[:, 0].reshape(count, -1)
    best: dict[tuple[int, int], float] = {}
    for other in _views(thumbs):
        for first, second, likeness in _above(other.reshape(count, -1), flat, at_least):
            key = (min(first, second), max(first, second))
            best[key] = max(best.get(key, -1.0), likeness)
    return [Pair(first, second, likeness) for (first, second), likeness in sorted(best.items())]


def _views(thumbs: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield all pictures (N, SIDE, SIDE) as they are, in seven other positions, and cut."""
    whole = thumbs[:, 0]
    for quarter in range(4):
        turned = np.rot90(whole, quarter, (1, 2))
        yield turned
        yield turned[:, :, ::-1]
    for cut in range(1, len(CUTS)):
        yield thumbs[:, cut]


def _above(left: NDArray[np.float32], right: NDArray[np.float32], at_least: float) -> Iterator[tuple[int, int, float]]:
    for begin in range(0, len(left), _ROWS_AT_ONCE):
        product = left[begin : begin + _ROWS_AT_ONCE] @ right.T
        for row, column in zip(*(found.tolist() for found in np.nonzero(product >= at_least)), strict=True):
            if row + begin != column:
                yield row + begin, column, float(product[row, column])


def clusters(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return who hangs together, directly or through others: lists of indices, each and all in order."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    members: dict[int, list[int]] = {}
    for index in range(count):
        members.setdefault(root(index), []).append(index)
    return list(members.values())

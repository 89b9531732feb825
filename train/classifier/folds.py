"""Folds of a tagged set: pictures that are alike stay together, so that a score on a kept-out fold is not a memory."""

import random
from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.evaluate.tagged_set import TaggedPicture
from edge.model.picture import read_picture

ALIKE = 0.9  # correlation of thumbnails from which on two pictures are taken for shots of the same thing
_THUMBNAIL = 16


def assign_folds(pictures: Sequence[TaggedPicture], count: int, seed: int) -> list[int]:
    """Return the fold of each picture.

    Pictures of one group, and pictures of the same tags that look alike, are in one fold; each combination of tags is
    spread over the folds as evenly as that allows.

    Args:
        pictures: All of them, in a fixed order.
        count: Number of folds.
        seed: Of the draw.

    Raises:
        EdgekitError: A picture cannot be read.
    """
    parents = list(range(len(pictures)))
    by_tags: dict[object, list[int]] = defaultdict(list)
    by_group: dict[str, list[int]] = defaultdict(list)
    for index, picture in enumerate(pictures):
        by_tags[picture.tags].append(index)
        if picture.group:
            by_group[picture.group].append(index)
    for members in by_group.values():
        for index in members[1:]:
            _join(parents, members[0], index)
    for members in by_tags.values():
        for first, second in _alike([pictures[index] for index in members]):
            _join(parents, members[first], members[second])
    clusters: dict[int, list[int]] = defaultdict(list)
    for index in range(len(pictures)):
        clusters[_root(parents, index)].append(index)
    order = list(clusters.values())
    random.Random(seed).shuffle(order)  # noqa: S311 - a division, repeatable on purpose
    order.sort(key=len, reverse=True)
    folds = [0] * len(pictures)
    held: dict[tuple[object, int], int] = defaultdict(int)
    sizes = [0] * count
    for members in order:
        tags = pictures[members[0]].tags
        chosen = min(range(count), key=lambda fold: (held[tags, fold], sizes[fold]))
        for index in members:
            folds[index] = chosen
        held[tags, chosen] += len(members)
        sizes[chosen] += len(members)
    return folds


def _alike(pictures: Sequence[TaggedPicture]) -> list[tuple[int, int]]:
    thumbnails = np.stack([_thumbnail(picture) for picture in pictures])
    first, second = np.nonzero(np.triu(thumbnails @ thumbnails.T, 1) >= ALIKE)
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _thumbnail(picture: TaggedPicture) -> NDArray[np.float32]:
    """Return a picture as a small grey one of mean 0 and length 1, so that a product of two is their correlation."""
    grey = cv2.cvtColor(read_picture(picture.path), cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return small / (np.linalg.norm(small) + 1e-6)


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _join(parents: list[int], first: int, second: int) -> None:
    parents[_root(parents, second)] = _root(parents, first)

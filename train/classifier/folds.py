"""Folds of a tagged set: pictures that are alike stay together, so that a score on a kept-out fold is not a memory."""

import random
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np

from edge.evaluate.tagged_set import TaggedPicture
from edge.model.picture import read_picture
from train.apportion import apportion
from train.check.likeness import alike, clusters, thumbnails

ALIKE = 0.9  # correlation of thumbnails from which on two pictures are taken for shots of the same thing


def kept_out_by_fold(pictures: tuple[TaggedPicture, ...], count: int) -> list[tuple[TaggedPicture, ...]]:
    """Return the pictures of each fold: the same for every training, so that folds of different runs can be compared.

    Raises:
        EdgekitError: As `assign_folds`.
    """
    folds = assign_folds(pictures, count, seed=0)
    return [
        tuple(picture for picture, own in zip(pictures, folds, strict=True) if own == fold) for fold in range(count)
    ]


def assign_folds(pictures: tuple[TaggedPicture, ...], count: int, seed: int) -> list[int]:
    """Return the fold of each picture, the folds as even as can be.

    Pictures of one series are in one fold; each combination of tags is spread over the folds as far as that allows.

    Raises:
        EdgekitError: A picture cannot be read, or there are fewer series than folds.
    """
    return _deal_out(pictures, series_in_folds(pictures, count), [1 / count] * count, seed)


@lru_cache(maxsize=4)  # all folds of a recipe are divided in one process, and a network looks at each picture for it
def series_in_folds(pictures: tuple[TaggedPicture, ...], count: int) -> tuple[tuple[int, ...], ...]:
    """Return which pictures hang together in folds, by index: what `groups_of` says, and series of the same tags.

    A group that the set names is a series, so only pictures without one are divided by what they look like. Pictures
    that are nearly the same hang together in any case.

    Raises:
        EdgekitError: A picture cannot be read.
    """
    from train.classifier.series import series_of  # noqa: PLC0415 - imports divide without torch, which takes seconds

    loose = [index for index, picture in enumerate(pictures) if not picture.group]
    found = series_of([pictures[index] for index in loose], count) if loose else []
    in_series = (pair for series in found for pair in pairwise(loose[member] for member in series))
    in_groups = (pair for group in groups_of(pictures) for pair in pairwise(group))
    return tuple(tuple(joined) for joined in clusters(len(pictures), [*in_series, *in_groups]))


def assign_parts(pictures: Sequence[TaggedPicture], shares: Sequence[float], seed: int) -> list[int]:
    """Return the part of each picture.

    Pictures of one group, and pictures of the same tags that look alike, are in one part; each combination of tags is
    spread over the parts as their shares ask for, as far as that allows.

    Args:
        pictures: All of them, in a fixed order.
        shares: Of the parts, each above 0, together 1.
        seed: Of the draw.

    Raises:
        EdgekitError: A picture cannot be read, or there are fewer groups than parts.
    """
    return _deal_out(pictures, groups_of(pictures), shares, seed)


def _deal_out(
    pictures: Sequence[TaggedPicture], groups: Sequence[Sequence[int]], shares: Sequence[float], seed: int
) -> list[int]:
    """Return the part of each picture, those of one group in one part."""
    groups = list(groups)
    random.Random(seed).shuffle(groups)  # noqa: S311 - among equally good divisions the seed chooses, repeatably
    columns = {tags: column for column, tags in enumerate(dict.fromkeys(picture.tags for picture in pictures), start=1)}
    amounts = np.zeros((len(groups), 1 + len(columns)))
    for row, members in enumerate(groups):
        amounts[row, 0] = len(members)
        for index in members:
            amounts[row, columns[pictures[index].tags]] += 1
    parts = [0] * len(pictures)
    for part, members in zip(apportion(amounts, np.array(shares), seed).tolist(), groups, strict=True):
        for index in members:
            parts[index] = part
    return parts


def groups_of(pictures: Sequence[TaggedPicture]) -> list[list[int]]:
    """Return which pictures hang together, by index: those of one group, and those of the same tags that look alike.

    Raises:
        EdgekitError: A picture cannot be read.
    """
    return clusters(len(pictures), [*_of_one_group(pictures), *_alike(pictures)])


def _of_one_group(pictures: Sequence[TaggedPicture]) -> list[tuple[int, int]]:
    first: dict[str, int] = {}
    return [(first.setdefault(one.group, index), index) for index, one in enumerate(pictures) if one.group]


def _alike(pictures: Sequence[TaggedPicture]) -> list[tuple[int, int]]:
    """Return which pictures of the same tags look alike."""
    by_tags: dict[object, list[int]] = defaultdict(list)
    for index, picture in enumerate(pictures):
        by_tags[picture.tags].append(index)
    pairs: list[tuple[int, int]] = []
    for members in by_tags.values():
        greys = (cv2.cvtColor(read_picture(pictures[index].path), cv2.COLOR_BGR2GRAY) for index in members)
        thumbs = np.stack([thumbnails(np.asarray(grey, np.uint8)) for grey in greys])
        pairs += [(members[pair.first], members[pair.second]) for pair in alike(thumbs, ALIKE)]
    return pairs

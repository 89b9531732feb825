"""A tagged set as folds divide it, and what the networks of all folds answer on its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.taxonomy import Taxonomy
from train.classifier.answers import right_answers
from train.classifier.folds import groups_of, kept_out_by_fold, series_in_folds


@dataclass(frozen=True, slots=True)
class FoldAnswers:
    """What the networks of all folds answered: 1 where it was right, else 0.

    Attributes:
        kept_out: (N, attributes) of each picture of all folds, by the network that did not learn it.
        val: (folds, M, attributes) of each picture of the val part, by each network; M may be 0.
    """

    kept_out: NDArray[np.float64]
    val: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoldedSet:
    """The pictures that folds are scored on.

    Attributes:
        taxonomy: Of the set.
        kept_out: The pictures of each fold.
        val: Those of the val part, which no fold learnt from; may be none.
        groups: (N,) number of the group of similar pictures of each kept-out one, folds one after the other.
        val_groups: (M,) the same of val.
    """

    taxonomy: Taxonomy
    kept_out: tuple[tuple[TaggedPicture, ...], ...]
    val: tuple[TaggedPicture, ...]
    groups: NDArray[np.int64]
    val_groups: NDArray[np.int64]

    @classmethod
    def of(cls, tagged_set: TaggedSet, count: int) -> "FoldedSet":
        """Divide a set into so many folds, as a training does.

        Raises:
            EdgekitError: A picture cannot be read.
        """
        train, val = tagged_set.part("train"), tagged_set.part("val")
        kept_out = tuple(kept_out_by_fold(train, count))
        of_each = dict(zip(train, _numbers(train, series_in_folds(train, count)), strict=True))
        groups = np.array([of_each[picture] for held in kept_out for picture in held])
        return cls(tagged_set.description.taxonomy, kept_out, val, groups, _numbers(val, groups_of(val)))

    @property
    def fold(self) -> NDArray[np.int64]:
        """The fold of each kept-out picture: (N,)."""
        return np.repeat(np.arange(len(self.kept_out)), [len(held) for held in self.kept_out])

    def answers(self, runs: Sequence[Sequence[Path]]) -> FoldAnswers:
        """Return what the runs of each fold answer; of several of one fold, their mean.

        Raises:
            EdgekitError: A run cannot be loaded, or a picture cannot be read.
        """
        kept_out = [right_answers(own, held, self.taxonomy) for own, held in zip(runs, self.kept_out, strict=True)]
        val = np.zeros((len(runs), len(self.val), len(self.taxonomy.attributes)))
        if self.val:
            val[:] = [right_answers(own, self.val, self.taxonomy) for own in runs]
        return FoldAnswers(np.concatenate(kept_out), val)


def _numbers(pictures: Sequence[TaggedPicture], groups: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return the number of each picture's group: (N,)."""
    numbers = np.zeros(len(pictures), np.int64)
    for number, members in enumerate(groups):
        numbers[np.array(members)] = number
    return numbers

"""How a model tells an attribute of which a picture may have several values, and how its columns are read."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, model_validator

from edge.model.manifest import Part
from edge.model.taxonomy import Attribute

SeveralMethod = Literal["one-vs-all", "binary-relevance", "chain", "powerset", "powerset-values"]
BY_SETS: frozenset[SeveralMethod] = frozenset(("powerset", "powerset-values"))


class SeveralHead(Part):
    """What the columns of an attribute of several values hold.

    With `one-vs-all` (the network's own columns, or each value parted from the others by a margin), `binary-relevance`
    (each by its likelihood) and `chain` (each knowing those before it, inside the graph) a column is a value's score.
    With `powerset` a column is the score of a whole set of values, one that occurred in training; the likeliest set is
    said, so values that never stood together never do. With `powerset-values` the columns are the same, but each value
    is said by itself, scored by the sum of all sets that hold it: where sets are in doubt, what they share is not.
    """

    method: SeveralMethod
    label_sets: tuple[tuple[NonNegativeInt, ...], ...] = Field(
        default=(),
        description="of powerset and powerset-values: indices of the values of each column's set, which may be empty",
    )

    @model_validator(mode="after")
    def _whole(self) -> "SeveralHead":
        if bool(self.label_sets) != (self.method in BY_SETS):
            raise ValueError("label_sets stand there for powerset and powerset-values, and for nothing else")
        if len({frozenset(one) for one in self.label_sets}) != len(self.label_sets):
            raise ValueError("label_sets holds a set twice")
        return self

    def fits(self, attribute: Attribute) -> bool:
        """Whether the head can be one of an attribute: of several values, and of no index that is none of them."""
        known = range(len(attribute.values))
        return attribute.multiple and all(index in known for one in self.label_sets for index in one)

    def columns(self, attribute: Attribute) -> int:
        """Return how many of the model's columns are the attribute's."""
        return len(self.label_sets) or len(attribute.values)

    def read(self, part: NDArray[np.float32], attribute: Attribute, threshold: float) -> "SaidValues":
        """Return what the columns of an attribute (columns,) say.

        Args:
            part: Scores, 0 to 1.
            attribute: Whose they are.
            threshold: A value scored at or above it is said; a likeliest set scored below it is unknown.
        """
        scores = self._of_values(part, len(attribute.values)) if self.method in BY_SETS else part
        if self.method != "powerset":
            return SaidValues(scores, tuple(np.flatnonzero(scores >= threshold).tolist()), sure=True)
        best = int(part.argmax())
        return SaidValues(scores, self.label_sets[best], sure=bool(part[best] >= threshold))

    def _of_values(self, part: NDArray[np.float32], values: int) -> NDArray[np.float32]:
        """Return scores (values,), 0 to 1, each the sum of those of the sets (columns,) that hold the value."""
        scores = np.zeros(values, np.float32)
        for share, label_set in zip(part, self.label_sets, strict=True):
            scores[list(label_set)] += share
        return scores.clip(0, 1)


@dataclass(frozen=True, slots=True)
class SaidValues:
    """What is said under an attribute of several values.

    Attributes:
        scores: (values,) float32 of all its values, 0 to 1.
        indices: Of the values that are said.
        sure: Whether the score is high enough to say them; else they are the likeliest.
    """

    scores: NDArray[np.float32]
    indices: tuple[int, ...]
    sure: bool

"""How good a classifier is: accuracy, precision, recall, F1, average precision and calibration, by attribute."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from edge.model.classifier import Classification
from edge.model.taxonomy import Attribute, Taxonomy

CALIBRATION_BINS = 15  # Guo et al., On Calibration of Modern Neural Networks, 2017, section 2


class ValueScore(BaseModel):
    """How well one value is told, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: str
    pictures: int = Field(description="that have it")
    precision: float
    recall: float
    f1: float


class AttributeScore(BaseModel):
    """How well one attribute is told, 0 to 1.

    All but `unknown` and `accuracy_of_sure` are of the likeliest values, whether sure or not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    attribute: str
    accuracy: float = Field(description="pictures of which all that was said is right, and all that is right was said")
    unknown: float = Field(description="share of pictures of which nothing was sure")
    accuracy_of_sure: float | None = Field(description="among the others; None where there are none")
    micro_f1: float
    macro_f1: float = Field(description="mean over the values that occur")
    calibration_error: float = Field(description="expected, of all that was said, sure or not")
    mean_average_precision: float | None = Field(description="over the values that occur; for several a picture only")
    values: tuple[ValueScore, ...] = Field(description="those that occur or were said")


def score_attributes(
    taxonomy: Taxonomy, truth: Sequence[tuple[tuple[int, ...], ...]], said: Sequence[Classification]
) -> tuple[AttributeScore, ...]:
    """Score what a classifier said.

    Args:
        taxonomy: The attributes.
        truth: Of each picture, the indices of its values by learnt attribute.
        said: Of each picture.

    Returns:
        A score for each attribute, learnt or implied, in the taxonomy's order.
    """
    learnt = {attribute.name: index for index, attribute in enumerate(taxonomy.learnt)}
    result: list[AttributeScore] = []
    for attribute in taxonomy.attributes:
        source = attribute.implied_by or attribute.name
        own = [tags[learnt[source]] for tags in truth]
        if attribute.implied_by is not None:
            own = [tuple(attribute.follows[index] for index in indices) for indices in own]
        result.append(_score(attribute, own, said, _columns(taxonomy, attribute, said) if attribute.multiple else None))
    return tuple(result)


def _columns(taxonomy: Taxonomy, attribute: Attribute, said: Sequence[Classification]) -> NDArray[np.float32]:
    """Return the scores (pictures, values) of a learnt attribute."""
    begin = 0
    for other in taxonomy.learnt:
        if other.name == attribute.name:
            break
        begin += len(other.values)
    return np.stack([one.scores[begin : begin + len(attribute.values)] for one in said])


def _score(
    attribute: Attribute,
    truth: Sequence[tuple[int, ...]],
    said: Sequence[Classification],
    columns: NDArray[np.float32] | None,
) -> AttributeScore:
    index = {value: number for number, value in enumerate(attribute.values)}
    wanted = np.zeros((len(truth), len(attribute.values)), bool)
    given = np.zeros_like(wanted)
    scores = np.zeros(wanted.shape)
    sure = np.zeros(len(truth), bool)
    for row, (indices, one) in enumerate(zip(truth, said, strict=True)):
        wanted[row, list(indices)] = True
        for tag in one.tags:
            if tag.attribute == attribute.name:
                given[row, index[tag.value]] = True
                scores[row, index[tag.value]] = tag.score
                sure[row] = sure[row] or tag.sure
    both = np.asarray(np.sum(wanted & given, axis=0))
    occurring = np.asarray(np.any(wanted, axis=0))
    values = tuple(
        ValueScore(
            value=value,
            pictures=int(wanted[:, number].sum()),
            precision=_share(both[number], given[:, number].sum()),
            recall=_share(both[number], wanted[:, number].sum()),
            f1=_share(2 * both[number], given[:, number].sum() + wanted[:, number].sum()),
        )
        for value, number in index.items()
        if occurring[number] or given[:, number].any()
    )
    right = np.asarray(np.all(wanted == given, axis=1))
    return AttributeScore(
        attribute=attribute.name,
        accuracy=float(right.mean()),
        unknown=float(1 - sure.mean()),
        accuracy_of_sure=float(right[sure].mean()) if sure.any() else None,
        micro_f1=_share(2 * both.sum(), wanted.sum() + given.sum()),
        macro_f1=float(np.mean([score.f1 for score in values if score.pictures])),
        calibration_error=calibration_error(scores[given], wanted[given]),
        mean_average_precision=_mean_average_precision(columns, wanted) if columns is not None else None,
        values=values,
    )


def calibration_error(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return by how much scores and shares of right answers differ, in the mean over bins of equal width.

    Args:
        scores: (N,), 0 to 1.
        right: (N,) whether the answer was.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3.
    """
    if not len(scores):
        return 0.0
    bins = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(scores[bins == one].sum() - right[bins == one].sum()) for one in range(CALIBRATION_BINS)]
    return float(sum(gaps) / len(scores))


def average_precision_of(scores: NDArray[np.float32], wanted: NDArray[np.bool_]) -> float:
    """Return the mean of the precisions at each right answer, best scores first; 0 where there is none.

    Args:
        scores: (N,) of one value.
        wanted: (N,) whether the picture has it.
    """
    ranked = wanted[np.argsort(-scores, kind="stable")]
    hits = np.flatnonzero(ranked)
    return float(np.mean((np.arange(len(hits)) + 1) / (hits + 1))) if len(hits) else 0.0


def _mean_average_precision(columns: NDArray[np.float32], wanted: NDArray[np.bool_]) -> float:
    found = [average_precision_of(columns[:, one], wanted[:, one]) for one in np.flatnonzero(wanted.any(axis=0))]
    return float(np.mean(found)) if found else 0.0


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0

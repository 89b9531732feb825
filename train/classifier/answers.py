"""Right answers of trained networks, picture by picture, and how much of their share is luck of the pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from edge.evaluate.average_precision import INTERVAL
from edge.evaluate.tagged_set import TaggedPicture
from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.calibration import EVEN
from train.classifier.network import all_scores, split_columns
from train.classifier.pictures import read_pictures
from train.classifier.scores import logits_of
from train.classifier.settings import read_classifier_config
from train.classifier.teacher import load_network

_DRAWS = 1000


class Estimate(BaseModel):
    """A mean over pictures, in percent or points, and between what 95 % of the means over drawn pictures lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    low: float
    high: float


def right_answers(runs: Sequence[Path], pictures: Sequence[TaggedPicture], taxonomy: Taxonomy) -> NDArray[np.float64]:
    """Return 1 for each right answer of the mean of some runs, else 0: (N, attributes).

    Of an attribute of several values an answer is right where all of them were said, and no other.

    Raises:
        EdgekitError: A run cannot be loaded, or a picture cannot be read.
    """
    scores = split_columns(_mean_scores(runs, pictures, taxonomy), taxonomy.learnt)
    learnt = {attribute.name: place for place, (_, attribute) in enumerate(scores)}
    columns: list[NDArray[np.float64]] = []
    for attribute in taxonomy.attributes:
        place = learnt[attribute.implied_by or attribute.name]
        columns.append(_right(attribute, scores[place][0], [picture.tags[place] for picture in pictures]))
    return np.stack(columns, axis=1)


def estimate(values: NDArray[np.float64], groups: NDArray[np.int64]) -> Estimate:
    """Return the mean of values (N,) in hundredths; what is of one group is drawn together, since it is alike.

    Args:
        values: One a picture, 0 to 1 or a difference of such.
        groups: (N,) the number of each picture's group, from 0 on.

    Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8 (whole clusters are drawn).
    """
    sizes = np.bincount(groups)
    sums = np.bincount(groups, weights=values)
    drawn = np.random.default_rng(0).integers(0, len(sizes), (_DRAWS, len(sizes)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(100 * means, INTERVAL)
    return Estimate(mean=percent(float(values.mean())), low=round(float(low), 2), high=round(float(high), 2))


def percent(share: float) -> float:
    """Return a share in percent, to the hundredth."""
    return round(100 * share, 2)


def _mean_scores(runs: Sequence[Path], pictures: Sequence[TaggedPicture], taxonomy: Taxonomy) -> torch.Tensor:
    """Return the mean over runs of their scores (N, columns), each at its own input size."""
    total = torch.zeros(len(pictures), taxonomy.columns)
    for run in runs:
        read, _ = read_pictures(pictures, taxonomy, read_classifier_config(run).settings.input_px)
        total += all_scores(logits_of(load_network(run), read.images), taxonomy.learnt)
    return total / len(runs)


def _right(attribute: Attribute, scores: torch.Tensor, wanted: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
    """Return 1 where scores (N, values) of what an attribute is read off say what is wanted, else 0: (N,)."""
    if attribute.multiple:
        said = [tuple(np.flatnonzero(row >= EVEN).tolist()) for row in scores.numpy()]
        return np.array([one == other for one, other in zip(said, wanted, strict=True)], np.float64)
    answer, truth = scores.argmax(dim=1).numpy(), np.array([values[0] for values in wanted])
    if attribute.follows:
        follows = np.array(attribute.follows)
        answer, truth = follows[answer], follows[truth]
    return (answer == truth).astype(np.float64)

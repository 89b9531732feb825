"""How like what it learnt a picture is to a classifier: what it has never seen gets no score, however sure it is."""

from collections.abc import Sequence

import torch
from torch import nn

from edge.evaluate.tagged_set import TaggedPicture

MOST_PICTURES = 8  # of a value that its mean is made of; more changed nothing (RESULTS.md)
STRANGE = 0.03  # share of kept-out pictures that may lose half of their score or more
_WAYS = 8  # in which pictures of one value differ; INT8 moves what is counted along more of them (RESULTS.md)
_NEAR = 0.84  # what is this near is no stranger, however alike the kept-out pictures are: INT8 turns features too
_LEAST_FADE = 0.005  # nearness
_NOTHING = 1e-9  # squared; where pictures of one value do not differ at all, no direction counts less
_STEPS = 8  # from the bound to the middle of the kept-out pictures, in units of the sigmoid


class Familiarity(nn.Module):
    """The share of its scores that a picture keeps: all where it looks like a value's pictures, none far from all.

    A softmax shares one among the values it knows, whatever it is shown; the features of a stranger point elsewhere.

    Args:
        likeness: What pictures of the learnt values look like.
        bound: Nearness to the nearest of them at which half is kept.
        fade: Nearness over which it falls from 0.73 to 0.5.
    """

    def __init__(self, likeness: "Likeness", bound: float, fade: float) -> None:
        super().__init__()
        self.likeness = likeness
        self.bound = bound
        self.fade = fade

    def forward(self, directions: torch.Tensor) -> torch.Tensor:
        """Return shares (N, 1) of features (N, width) of unit length."""
        nearest: torch.Tensor = self.likeness(directions)
        return torch.sigmoid((nearest - self.bound) / self.fade)


class Likeness(nn.Module):
    """How near features of unit length lie to the nearest learnt value: 1 at its mean, less by half a squared distance.

    What pictures of one value differ in counts less in that distance: along few directions it is measured in units of
    how far they differ there, in all others in units of how far they differ in the mean of those. That is

        |u - m|^2 - sum_k c_k ((u - m) v_k)^2    with    c_k = 1 - others / variance_k

    of features u, a value's mean m and directions v_k; multiplied out, it takes one product with a matrix.

    Args:
        means: (values, width) mean features of each learnt value.
        ways: (count, width) directions, each multiplied by the root of its c.

    Source: Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples, 2018, equation 2
    (Mahalanobis distance, one covariance for all values), its covariance as in Tipping and Bishop, Probabilistic
    Principal Component Analysis, 1999, equation 7.
    """

    matrix: torch.Tensor
    offsets: torch.Tensor

    def __init__(self, means: torch.Tensor, ways: torch.Tensor) -> None:
        super().__init__()
        counted = means - means @ ways.T @ ways
        self.register_buffer("matrix", torch.cat([counted, ways]).T.contiguous())
        self.register_buffer("offsets", (means * counted).sum(dim=1) / 2)

    def forward(self, directions: torch.Tensor) -> torch.Tensor:
        """Return nearness (N, 1), 1 at most, of features (N, width) of unit length."""
        values = len(self.offsets)
        products = directions @ self.matrix
        nearest = (products[:, :values] - self.offsets).amax(dim=1, keepdim=True)
        return nearest + (1 + products[:, values:].square().sum(dim=1, keepdim=True)) / 2


def directions_of(features: torch.Tensor) -> torch.Tensor:
    """Return features (N, width) at unit length.

    Written out: what `normalize` traces to has nodes that ask for shapes, which are fixed in an export.
    """
    return features / features.square().sum(dim=1, keepdim=True).sqrt().clamp(min=1e-12)


def examples_of_values(tagged: Sequence[TaggedPicture]) -> tuple[TaggedPicture, ...]:
    """Return pictures that show each value `MOST_PICTURES` times at least, where there are as many, drawn evenly."""
    showing: dict[tuple[int, int], list[TaggedPicture]] = {}
    for picture in tagged:
        for attribute, values in enumerate(picture.tags):
            for value in values:
                showing.setdefault((attribute, value), []).append(picture)
    chosen: dict[TaggedPicture, None] = {}
    for pictures in showing.values():
        step = max(1.0, len(pictures) / MOST_PICTURES)
        chosen.update((pictures[int(index * step)], None) for index in range(min(len(pictures), MOST_PICTURES)))
    return tuple(chosen)


def fit_familiarity(learnt: torch.Tensor, targets: torch.Tensor, held: torch.Tensor) -> Familiarity:
    """Return the familiarity of what a network learnt; its bound is chosen on kept-out pictures, not on strangers.

    Args:
        learnt: (N, width) features of pictures that it learnt from.
        targets: (N, columns), above 0 where a picture shows a value.
        held: (M, width) features of kept-out pictures.
    """
    likeness = fit_likeness(directions_of(learnt), targets)
    near = likeness(directions_of(held)).flatten()
    middle = float(near.median())
    fade = max((middle - min(float(near.quantile(STRANGE)), _NEAR)) / _STEPS, _LEAST_FADE)
    return Familiarity(likeness, middle - _STEPS * fade, fade)


def fit_likeness(directions: torch.Tensor, targets: torch.Tensor) -> Likeness:
    """Return what pictures of each value look like.

    Args:
        directions: (N, width) features of pictures, of unit length.
        targets: (N, columns), above 0 where a picture shows a value; columns that none shows are left out.
    """
    shown = (targets > 0).float()
    shown = shown[:, shown.sum(dim=0) > 0]
    means = (shown / shown.sum(dim=0)).T @ directions
    pictures, values = shown.nonzero(as_tuple=True)
    rests = directions[pictures] - means[values]
    _, sizes, ways = torch.linalg.svd(rests, full_matrices=False)
    # Few pictures span directions by chance. There is one at least: engines take no product without columns.
    count = max(1, min(_WAYS, (len(rests) - len(means)) // 2, directions.shape[1] - 1))
    others = sizes[count:].square().sum() / (directions.shape[1] - count)
    shares = (1 - (others + _NOTHING) / (sizes[:count].square() + _NOTHING)).clamp(min=0)
    return Likeness(means, ways[:count] * shares.sqrt()[:, None])

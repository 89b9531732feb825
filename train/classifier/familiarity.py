"""How like what it learnt a picture is to a classifier: what it has never seen gets no score, however sure it is."""

from collections.abc import Sequence

import torch
from torch import nn

from edge.evaluate.tagged_set import TaggedPicture

MOST_PICTURES = 8  # of a value that its prototype is made of; more changed nothing (RESULTS.md)
STRANGE = 0.03  # share of kept-out pictures that may lose half of their score or more
_LEAST_FADE = 0.02  # cosine: rounding to INT8 turns features a little too
_STEPS = 8  # from the bound to the middle of the kept-out pictures, in units of the sigmoid


class Familiarity(nn.Module):
    """The share of its scores that a picture keeps: all where its features lie near a value's, none far from all.

    A softmax shares one among the values it knows, whatever it is shown; the features of a stranger point elsewhere.

    Args:
        prototypes: (width, values) mean features of each learnt value, each column of unit length.
        bound: Cosine to the nearest of them at which half is kept.
        fade: Cosine over which it falls from 0.73 to 0.5.
    """

    prototypes: torch.Tensor

    def __init__(self, prototypes: torch.Tensor, bound: float, fade: float) -> None:
        super().__init__()
        self.register_buffer("prototypes", prototypes)
        self.bound = bound
        self.fade = fade

    def forward(self, directions: torch.Tensor) -> torch.Tensor:
        """Return shares (N, 1) of features (N, width) of unit length."""
        nearest = nearness(directions, self.prototypes)
        return torch.sigmoid((nearest - self.bound) / self.fade)


def nearness(directions: torch.Tensor, prototypes: torch.Tensor) -> torch.Tensor:
    """Return the cosine (N, 1) of unit-length features (N, width) to the nearest of prototypes (width, values)."""
    return (directions @ prototypes).amax(dim=1, keepdim=True)


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

    Source: Mensink et al., Distance-Based Image Classification: Generalizing to New Classes at Near-Zero Cost, 2013,
    section 3 (nearest class mean), by cosine and as a test of belonging.
    """
    shown = (targets > 0).float()
    sums = shown.T @ directions_of(learnt)
    prototypes = directions_of(sums[shown.sum(dim=0) > 0]).T.contiguous()
    cosines = nearness(directions_of(held), prototypes).flatten()
    middle = float(cosines.median())
    fade = max((middle - float(cosines.quantile(STRANGE))) / _STEPS, _LEAST_FADE)
    return Familiarity(prototypes, middle - _STEPS * fade, fade)

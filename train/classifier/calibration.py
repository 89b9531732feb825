"""Scores that mean what they say: the temperature of a classifier, and from which score on it is sure."""

from collections.abc import Mapping, Sequence

import torch

from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.heads import SeveralHeadModule
from train.classifier.losses import label_loss
from train.classifier.network import pooled_logits, split_columns
from train.classifier.pictures import Pictures

KNOWN_KEPT = 0.95  # share of right answers that may be given; the others are called unknown
EVEN = 0.5  # several values: each is said where it is likelier than not
_TEMPERATURES = torch.logspace(-1, 1, 81)


def temperature_of(looks: Sequence[torch.Tensor], pictures: Pictures, taxonomy: Taxonomy) -> float:
    """Return the temperature at which the scores of kept-out pictures are likeliest, in the mean of all looks.

    Several looks share one temperature, chosen for their mean: a mean of scores that are right each for itself is not
    sure enough.

    Args:
        looks: (N, columns) logits of each.
        pictures: What they are of.
        taxonomy: Gives the attributes.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, section 4.2; found on a grid. Rahaman and
    Thiery, Uncertainty Quantification and Deep Ensembles, 2021: pooled first, then calibrated.
    """
    truth = split_columns(pictures.targets, taxonomy.learnt)
    parts = [split_columns(logits, taxonomy.learnt) for logits in looks]

    def loss(temperature: float) -> float:
        total = 0.0
        for own, (wanted, attribute) in zip(zip(*parts, strict=True), truth, strict=True):
            pooled = pooled_logits([part / temperature for part, _ in own], attribute)
            total += float(label_loss(pooled, wanted, multiple=attribute.multiple, weights=None, focal=False))
        return total

    return min((float(value) for value in _TEMPERATURES), key=loss)


def calibrate(head: SeveralHeadModule, logits: torch.Tensor, targets: torch.Tensor) -> None:
    """Give a head the temperature at which its scores of kept-out pictures are likeliest.

    Args:
        head: Of an attribute of several values.
        logits: (N, columns) that it gives.
        targets: (N, values), 0 or 1.
    """
    likeliest = min(_TEMPERATURES, key=lambda temperature: float(head.loss(logits / temperature, targets)))
    head.temperature.copy_(likeliest)


def thresholds_of(
    scores: Sequence[tuple[torch.Tensor, Attribute]], pictures: Pictures, taxonomy: Taxonomy
) -> Mapping[str, float]:
    """Return by attribute the score from which on an answer is given.

    It is the one that keeps `KNOWN_KEPT` of the right answers on kept-out pictures; for several values it is `EVEN`.

    Args:
        scores: (N, columns), 0 to 1, of each learnt attribute, as the exported network gives them.
        pictures: What they are of.
        taxonomy: Gives the attributes.
    """
    found: dict[str, float] = {}
    truth = split_columns(pictures.targets, taxonomy.learnt)
    for (part, attribute), (wanted, _) in zip(scores, truth, strict=True):
        if attribute.multiple:
            found[attribute.name] = EVEN
            continue
        top, answer = part.max(dim=1)
        label = wanted.argmax(dim=1)
        found[attribute.name] = _keeping(top[answer == label])
        for implied in taxonomy.implied(attribute.name):
            follows = torch.tensor(implied.follows)
            sums = torch.zeros(len(part), len(implied.values)).index_add_(1, follows, part)
            own = sums.gather(1, follows[answer][:, None])[:, 0]
            found[implied.name] = _keeping(own[follows[answer] == follows[label]])
    return found


def _keeping(scores: torch.Tensor) -> float:
    """Return the score that all but the lowest few reach; 0 where there are none."""
    return float(scores.quantile(1 - KNOWN_KEPT).clamp(0, 1)) if len(scores) else 0.0

"""Fits a head of each kind to features and labels, and scores it by what a box would say."""

from dataclasses import dataclass
from typing import Literal

import torch

from devices.errors import EdgekitError
from edge.evaluate.classification import AttributeScore, score_attributes
from edge.model.classifier import TagDecoder
from edge.model.several import SeveralHead, SeveralMethod
from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.calibration import EVEN
from train.classifier.heads import (
    ChainHead,
    LabelSets,
    OneVsAllHead,
    PowersetHead,
    RelevanceHead,
    SeveralHeadModule,
    chain_order_of,
    fit,
    label_sets_of,
)

FittedMethod = Literal["one-vs-all", "binary-relevance", "chain", "powerset"]  # the others read one of these anew
MOST_LABEL_SETS = 2000  # beyond, sets of values are too many to be told as classes


@dataclass(frozen=True, slots=True)
class Sample:
    """Features (N, width) and labels (N, values) of pictures."""

    features: torch.Tensor
    targets: torch.Tensor

    def under(self, columns: slice) -> "Sample":
        """Return the same pictures with some of their labels."""
        return Sample(self.features, self.targets[:, columns])


def fit_head(method: FittedMethod, attribute: Attribute, learn: Sample, weight_decay: float) -> SeveralHeadModule:
    """Return a head of an attribute of several values, fitted to its own minimum.

    Raises:
        EdgekitError: There are too many sets of values.
    """
    head = _fresh(method, attribute, learn)
    fit(head, learn.features, learn.targets, weight_decay)
    return head


def score_head(attribute: Attribute, method: SeveralMethod, head: SeveralHeadModule, held: Sample) -> AttributeScore:
    """Score a head by what a box would say of pictures."""
    described = SeveralHead(method=method, label_sets=head.label_sets if isinstance(head, PowersetHead) else ())
    alone = Taxonomy(attributes=(attribute,))
    decoder = TagDecoder(alone, {attribute.name: EVEN}, heads={attribute.name: described})
    with torch.inference_mode():
        rows = head.scores(head(held.features)).numpy()
    truth = [((*torch.nonzero(row).flatten().tolist(),),) for row in held.targets]
    (score,) = score_attributes(alone, truth, [decoder.decode(row) for row in rows])
    return score


def _fresh(method: FittedMethod, attribute: Attribute, learn: Sample) -> SeveralHeadModule:
    width, values = learn.features.shape[1], len(attribute.values)
    match method:
        case "one-vs-all":
            return OneVsAllHead(width, values)
        case "binary-relevance":
            return RelevanceHead(width, values)
        case "chain":
            return ChainHead(width, chain_order_of(learn.targets))
        case "powerset":
            return PowersetHead(width, _label_sets(attribute, learn), values)


def _label_sets(attribute: Attribute, learn: Sample) -> LabelSets:
    label_sets = label_sets_of(learn.targets)
    if len(label_sets) > MOST_LABEL_SETS:
        raise EdgekitError(
            f"{attribute.name} has {len(label_sets)} different sets of values, above the {MOST_LABEL_SETS} that a "
            "powerset can tell: part it into several attributes"
        )
    return label_sets

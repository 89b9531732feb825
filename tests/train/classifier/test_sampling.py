"""What is done about rare values changes what an epoch sees, in the way that its name says."""

import torch

from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.sampling import draws_of, value_weights

TAXONOMY = Taxonomy(attributes=(Attribute(name="product", values=("common", "rare")),))
TARGETS = torch.tensor([[1.0, 0.0]] * 90 + [[0.0, 1.0]] * 10)


def drawn(imbalance: str) -> torch.Tensor:
    return draws_of(TARGETS, TAXONOMY, imbalance, torch.Generator().manual_seed(0))


def test_by_default_each_picture_is_seen_once():
    assert sorted(drawn("none").tolist()) == list(range(100))


def test_rare_values_are_drawn_about_as_often_as_common_ones():
    rare = int((drawn("oversample") >= 90).sum())
    assert len(drawn("oversample")) == 100
    assert 35 <= rare <= 65


def test_common_values_are_drawn_as_rarely_as_rare_ones():
    rows = drawn("undersample")
    assert (int((rows < 90).sum()), int((rows >= 90).sum())) == (10, 10)


def test_weights_are_the_inverse_of_counts_and_one_in_the_mean():
    weights = value_weights(TARGETS, TAXONOMY)
    assert float(weights[1] / weights[0]) == 9
    assert float(weights.mean()) == 1

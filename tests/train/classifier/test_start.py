"""A training goes on from another run's network, and tells what that one learnt from."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from train.classifier.export import export_classifier
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings, NetworkSettings, read_classifier_config
from train.classifier.start import start_network
from train.classifier.teacher import load_network
from train.flat_sets import flatten_set

Tiny = Callable[..., ClassifierSettings]


def test_a_run_goes_on_where_another_ended_and_a_bundle_will_tell_both(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    train_classifier(tiny(), coloured, first)
    begun = start_network(NetworkSettings(backbone="test_efficientnet", weights=first), coloured.description.taxonomy)
    pictures = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(begun.network.eval()(pictures), load_network(first)(pictures))
    flat = flatten_set(coloured, tmp_path / "flat")
    train_classifier(tiny(network={"weights": first}, schedule={"epochs": 1}), flat, second)
    past = read_classifier_config(second).past
    assert past is not None
    assert past.weights.source == "random weights"
    record = export_classifier(second, flat, tmp_path / "export")
    assert [entry.name for entry in record.data] == ["coloured", "coloured-labels"]
    assert record.recipe.startswith("edgekit train classifier OUT --set coloured ")
    assert "&& edgekit train classifier OUT --set coloured-labels" in record.recipe
    assert "--weights first " in record.recipe


def test_a_run_of_another_backbone_is_no_start(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    train_classifier(tiny(schedule={"epochs": 1}), coloured, tmp_path / "run")
    settings = NetworkSettings(backbone="mobilenetv3_small_050", weights=tmp_path / "run")
    with pytest.raises(EdgekitError, match="is of another backbone than mobilenetv3_small_050"):
        start_network(settings, coloured.description.taxonomy)

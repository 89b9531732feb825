"""What is frozen stays as it starts, in whatever it is computed; and pictures grow while a network learns."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from train.checkpoints import load_state
from train.classifier.backbones import create_backbone
from train.classifier.freezing import freeze_stages
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings, NetworkSettings
from train.run_folders import BEST

Tiny = Callable[..., ClassifierSettings]


def test_frozen_stages_end_as_they_began_and_the_others_learn(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    settings = tiny(network={"freeze_stages": 2}, precision="mixed", schedule={"average_decay": 0})
    torch.manual_seed(settings.seed)
    start = create_backbone(settings.network).module.state_dict()
    train_classifier(settings, coloured, tmp_path / "run")
    end = load_state(tmp_path / "run" / BEST)["network"]
    changed = {name for name, value in start.items() if not torch.equal(value, end[f"backbone.{name}"])}
    stages = {name.split(".")[1] for name in changed if name.startswith("blocks.")}
    assert stages.isdisjoint({"0", "1"})
    assert "2" in stages
    assert not any(name.startswith(("conv_stem.", "bn1.")) for name in changed)


def test_what_follows_bf16_gets_float32():
    backbone = create_backbone(NetworkSettings(backbone="test_efficientnet")).module.eval()
    pictures = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        before = backbone(pictures)
        assert len(freeze_stages(backbone, 3, bf16=True)) == 5
        after = backbone(pictures)
    assert after.dtype == torch.float32
    assert not torch.equal(after, before)
    assert torch.nn.functional.cosine_similarity(after, before).min() > 0.99


def test_stages_that_there_are_none_of_are_refused():
    backbone = create_backbone(NetworkSettings(backbone="test_efficientnet")).module
    assert freeze_stages(backbone, 0, bf16=True) == ()
    with pytest.raises(EdgekitError, match="stages, of which 99 cannot be frozen"):
        freeze_stages(backbone, 99, bf16=False)
    with pytest.raises(EdgekitError, match="no stages that could be kept"):
        freeze_stages(torch.nn.Linear(2, 2), 1, bf16=False)


def test_pictures_grow_over_two_thirds_of_the_epochs(tiny: Tiny):
    settings = tiny(input_px=192, train_px=160, first_px=96, schedule={"epochs": 9})
    assert [settings.side_of(epoch) for epoch in range(9)] == [96, 96, 96, 128, 128, 128, 160, 160, 160]
    assert tiny(input_px=192).side_of(0) == 192
    with pytest.raises(ValidationError, match="pictures grow: first_px 224 is above the 192 px"):
        tiny(input_px=192, first_px=224)

"""Every variation has its effect, keeps its range, and is the same for the same seed."""

from typing import Any

import pytest
import torch

from train.classifier.augment import augment, mix
from train.classifier.settings import AugmentSettings

NONE: dict[str, Any] = {
    "least_area": 1.0,
    "degrees": 0.0,
    "flip": False,
    "colour": 0.0,
    "hue": 0.0,
    "blur": 0.0,
    "noise": 0.0,
    "erase": 0.0,
    "mix": 0.0,
}


def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def varied(seed: int = 0, **changes: Any) -> torch.Tensor:
    settings = AugmentSettings.model_validate({**NONE, **changes})
    return augment(pictures(), 32, settings, torch.Generator().manual_seed(seed))


def test_without_any_variation_a_picture_stays_what_it_is():
    # Only the aspect of the crop is free; with the whole area it is the whole picture or a side of it.
    square = AugmentSettings.model_validate(NONE)
    shown = augment(pictures(), 32, square, torch.Generator().manual_seed(0))
    assert shown.shape == (8, 3, 32, 32)
    assert float(shown.mean()) == pytest.approx(float(pictures().float().mean()) / 255, abs=0.02)


@pytest.mark.parametrize(
    "change",
    [
        {"least_area": 0.2},
        {"degrees": 40.0},
        {"flip": True},
        {"colour": 0.5},
        {"hue": 0.2},
        {"blur": 1.0},
        {"noise": 0.3},
        {"erase": 1.0},
    ],
)
def test_each_variation_changes_pictures_within_their_range_and_by_its_seed(change: dict[str, Any]):
    assert not torch.equal(varied(**change), varied())
    assert torch.equal(varied(**change), varied(**change))
    assert not torch.equal(varied(**change), varied(seed=1, **change))
    assert float(varied(**change).min()) >= 0
    assert float(varied(**change).max()) <= 1


def test_a_turn_of_hue_keeps_grey_and_turns_colours():
    grey = torch.full((4, 3, 32, 32), 128, dtype=torch.uint8)
    settings = AugmentSettings.model_validate({**NONE, "hue": 0.3})
    assert torch.allclose(augment(grey, 32, settings, torch.Generator().manual_seed(0)), torch.tensor(128 / 255))


def test_targets_are_mixed_as_their_pictures_are():
    blacks, whites = torch.zeros(4, 3, 16, 16), torch.ones(4, 3, 16, 16)
    targets = torch.cat([torch.tensor([[1.0, 0.0]] * 4), torch.tensor([[0.0, 1.0]] * 4)])
    for seed in range(20):
        mixed, shares = mix(torch.cat([blacks, whites]), targets, torch.Generator().manual_seed(seed))
        assert torch.allclose(shares.sum(dim=1), torch.ones(8))
        assert torch.allclose(mixed.mean(dim=(1, 2, 3)), shares[:, 1], atol=1e-5)

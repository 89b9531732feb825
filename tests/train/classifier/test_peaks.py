"""The greatest of each feature over a picture, whatever the backbone; where there is no map, the features."""

import pytest
import torch
from torch import nn

from train.classifier.backbones import create_backbone
from train.classifier.peaks import Peaks
from train.classifier.settings import NetworkSettings


class Plain(nn.Module):
    """One feature, the share of red in the mean over the picture; a layer behind the mean where asked for."""

    def __init__(self, *, behind: float) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.constant_(self.layer.weight, 0)
        with torch.no_grad():
            self.layer.weight[0, 0] = 1
        self.behind = behind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).mean(dim=(2, 3)) * self.behind


def test_what_only_a_corner_shows_is_whole_in_the_peaks_and_faint_in_the_features():
    backbone = Plain(behind=1)
    peaks = Peaks(backbone)
    pictures = torch.zeros(2, 3, 8, 8)
    pictures[1, 0, 7, 7] = 0.5
    features = backbone(pictures)
    assert features.flatten().tolist() == pytest.approx([0, 0.5 / 64])
    assert peaks.of(features).flatten().tolist() == [0, 0.5]


def test_features_that_are_no_mean_over_a_map_are_their_own_peaks():
    backbone = Plain(behind=2)
    features = backbone(torch.rand(2, 3, 8, 8))
    assert Peaks(backbone).of(features) is features


@pytest.mark.parametrize("name", ["test_efficientnet", "resnet18", "torchvision/mobilenet_v3_small", "yolo/yolov8n"])
def test_the_last_map_is_found_in_backbones_of_all_makers(name: str):
    backbone = create_backbone(NetworkSettings(backbone=name), started=False).module.eval()
    peaks = Peaks(backbone)
    with torch.inference_mode():
        features = backbone(torch.rand(2, 3, 96, 96))
        found = peaks.of(features)
    assert found.shape == features.shape
    assert (found >= features).all()
    assert (found > features).any()

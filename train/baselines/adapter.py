"""The one form in which all baselines are trained and asked, and the backbone that all of them begin with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import timm
import torch
from torch import Tensor, nn

from devices.errors import EdgekitError
from train.baselines.settings import Kind
from train.classifier.backbones import create_backbone
from train.classifier.settings import NetworkSettings

BACKBONE = "tf_efficientnet_lite0"  # its ImageNet weights come in a package
LEVELS = (2, 3, 4)  # of its features: strides 8, 16 and 32


@dataclass(frozen=True, slots=True)
class Objects:
    """What stands in a picture, or was found in it, in pixels of the input.

    Attributes:
        xyxy: (N, 4) float32.
        class_id: (N,) int64, from 0.
        score: (N,) float32, 1 for labels.
        masks: (N, H, W) bool of the whole input, None where only boxes are known.
    """

    xyxy: Tensor
    class_id: Tensor
    score: Tensor
    masks: Tensor | None


class Baseline(Protocol):
    """A model that can be trained and asked."""

    @property
    def module(self) -> nn.Module:
        """Its weights, and whether it trains."""
        ...

    def loss(self, pictures: Tensor, labels: Sequence[Objects]) -> Tensor:
        """Return the sum of its losses for pictures (B, 3, H, W), RGB from 0 to 1."""
        ...

    def find(self, picture: Tensor) -> Objects:
        """Return what it finds in a picture (3, H, W), surest first."""
        ...


def create_baseline(kind: Kind, classes: int, input_px: int, *, started: bool = True) -> Baseline:
    """Create a baseline.

    Args:
        kind: Which.
        classes: Number of classes.
        input_px: Side of the input.
        started: Begin with the backbone's ImageNet weights; False leaves them random, for a checkpoint to fill.

    Raises:
        EdgekitError: The package with the weights is not installed.
    """
    if kind in (Kind.UNET, Kind.DEEPLABV3PLUS):
        from train.baselines.segmenters import Segmenter  # noqa: PLC0415 - only who is asked for is imported

        return Segmenter(kind, classes, started=started)
    from train.baselines.detectors import TorchvisionDetector  # noqa: PLC0415

    return TorchvisionDetector(kind, classes, input_px, started=started)


def features(*, started: bool) -> nn.Module:
    """Return the backbone as a pyramid of features, those of `LEVELS`."""
    module: nn.Module = timm.create_model(BACKBONE, pretrained=False, features_only=True, out_indices=LEVELS)
    if started:
        fill(module)
    return module


def fill(module: nn.Module) -> None:
    """Give a backbone in parts the ImageNet weights of the whole.

    Raises:
        EdgekitError: A layer of it is not in the whole.
    """
    whole: Any = create_backbone(NetworkSettings(backbone=BACKBONE)).module
    missing = module.load_state_dict(whole.state_dict(), strict=False).missing_keys
    if missing:
        raise EdgekitError(f"the ImageNet weights of {BACKBONE} lack {', '.join(missing[:3])}: install another timm")


def normalised(pictures: Tensor) -> Tensor:
    """Return pictures from 0 to 1 as the backbone wants them."""
    return (pictures - 0.5) / 0.5


def unit_boxes(masks: Tensor) -> Tensor:
    """Return the boxes (N, 4) around masks (N, H, W), none of which is empty."""
    rows, columns = masks.any(2), masks.any(1)
    left, top = columns.int().argmax(1), rows.int().argmax(1)
    right = columns.shape[1] - columns.flip(1).int().argmax(1)
    bottom = rows.shape[1] - rows.flip(1).int().argmax(1)
    return torch.stack([left, top, right, bottom], 1).float()

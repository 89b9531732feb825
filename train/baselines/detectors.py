"""Faster R-CNN, RetinaNet, SSD and Mask R-CNN of torchvision on one small pyramid of features."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, MaskRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD, SSDHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from train.baselines.adapter import Objects, features
from train.baselines.settings import Kind

_GROUPS = 12  # of a level's channels, each brought to one size of numbers
_WIDTH = 96  # channels of each level of the pyramid
_NAMES = ("0", "1", "2")  # of its levels; a fourth is pooled from the last
_HALF: dict[str, Any] = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


class Pyramid(nn.Module):
    """The backbone's features, brought to one width and mixed from the coarsest down.

    Args:
        started: Begin with ImageNet weights.
        even: Bring each level to the same size of numbers, for a head that begins with weights of full size.
    """

    out_channels = _WIDTH

    def __init__(self, *, started: bool, even: bool) -> None:
        super().__init__()
        self.body = features(started=started)
        told: Any = self.body
        self.fpn = FeaturePyramidNetwork(
            told.feature_info.channels(), _WIDTH, LastLevelMaxPool(), partial(nn.GroupNorm, _GROUPS) if even else None
        )

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return four levels by name, strides 8, 16, 32 and 64."""
        return self.fpn(dict(zip(_NAMES, self.body(pictures), strict=True)))


class TorchvisionDetector:
    """A detector of torchvision; its classes count from 1, with 0 for the background.

    Args:
        kind: Which.
        classes: Number of classes.
        input_px: Side of the input.
        started: Begin with ImageNet weights.
    """

    def __init__(self, kind: Kind, classes: int, input_px: int, *, started: bool) -> None:
        self._masks = kind is Kind.MASK_RCNN
        self.module = _created(kind, classes + 1, input_px, Pyramid(started=started, even=kind is Kind.SSD))

    def loss(self, pictures: Tensor, labels: Sequence[Objects]) -> Tensor:
        """Return the sum of its losses for pictures (B, 3, H, W), RGB from 0 to 1."""
        targets = [
            {
                "boxes": one.xyxy,
                "labels": one.class_id + 1,
                **({"masks": one.masks.to(torch.uint8)} if self._masks and one.masks is not None else {}),
            }
            for one in labels
        ]
        losses: dict[str, Tensor] = self.module(list(pictures), targets)
        return torch.stack(list(losses.values())).sum()

    def find(self, picture: Tensor) -> Objects:
        """Return what it finds in a picture (3, H, W), surest first."""
        (found,) = self.module([picture])
        masks = found["masks"][:, 0] > 0.5 if self._masks else None  # noqa: PLR2004 - a score of a half
        return Objects(found["boxes"], found["labels"] - 1, found["scores"], masks)


def _created(kind: Kind, classes: int, input_px: int, pyramid: Pyramid) -> nn.Module:
    anchors = AnchorGenerator(
        sizes=tuple((size, size * 2**0.5) for size in (24, 48, 96, 192)), aspect_ratios=((0.5, 1.0, 2.0),) * 4
    )
    size: dict[str, Any] = {"min_size": input_px, "max_size": input_px, "box_detections_per_img": 300}
    pooled: dict[str, Any] = {"box_roi_pool": MultiScaleRoIAlign(list(_NAMES), 7, 2), "rpn_anchor_generator": anchors}
    match kind:
        case Kind.FASTER_RCNN:
            return FasterRCNN(pyramid, classes, box_score_thresh=0.01, **size, **pooled, **_HALF)
        case Kind.MASK_RCNN:
            masks = MultiScaleRoIAlign(list(_NAMES), 14, 2)
            options: dict[str, Any] = {"box_score_thresh": 0.01, "mask_roi_pool": masks}
            return MaskRCNN(pyramid, classes, **options, **size, **pooled, **_HALF)
        case Kind.RETINANET:
            del size["box_detections_per_img"]
            return RetinaNet(pyramid, classes, anchor_generator=anchors, score_thresh=0.01, **size, **_HALF)
        case _:
            boxes = DefaultBoxGenerator([[2]] * 4, min_ratio=8, max_ratio=90)
            head = SSDHead([_WIDTH] * 4, boxes.num_anchors_per_location(), classes)
            for layer in head.modules():
                if isinstance(layer, nn.Conv2d):
                    nn.init.normal_(layer.weight, std=0.01)  # as RetinaNet's begins; its own start suits VGG's features
            return SSD(pyramid, boxes, (input_px, input_px), classes, head=head, score_thresh=0.01, **_HALF)

"""U-Net and DeepLabV3+ of segmentation-models-pytorch: what is the class's, pixel by pixel, and from that objects.

They tell no two objects apart that touch: each piece of a class that hangs together is one.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from train.baselines.adapter import BACKBONE, Objects, fill, normalised, unit_boxes
from train.baselines.settings import Kind

_LEAST_PX = 9  # pixels of a piece; smaller ones are specks


class Segmenter:
    """A segmenter with a score of its own for each class at each pixel, since a code lies on a carton.

    Args:
        kind: Which.
        classes: Number of classes.
        started: Begin with ImageNet weights.
    """

    def __init__(self, kind: Kind, classes: int, *, started: bool) -> None:
        build: Any = smp.Unet if kind is Kind.UNET else smp.DeepLabV3Plus
        made: Any = build(encoder_name=f"tu-{BACKBONE}", encoder_weights=None, classes=classes)
        if started:
            fill(made.encoder.model)
        self.module: nn.Module = made
        self._classes = classes
        self._dice: Any = smp.losses.DiceLoss(mode="multilabel", from_logits=True)

    def loss(self, pictures: Tensor, labels: Sequence[Objects]) -> Tensor:
        """Return cross entropy and Dice loss for pictures (B, 3, H, W), RGB from 0 to 1."""
        target = torch.stack([self._painted(one, pictures.shape[2], pictures.shape[3]) for one in labels])
        logits = self.module(normalised(pictures))
        return nn.functional.binary_cross_entropy_with_logits(logits, target) + self._dice(logits, target)

    def find(self, picture: Tensor) -> Objects:
        """Return the pieces of each class in a picture (3, H, W), surest first."""
        scores = self.module(normalised(picture[None]))[0].sigmoid()
        masks: list[Tensor] = []
        classes: list[int] = []
        sure: list[float] = []
        for class_id, score in enumerate(scores):
            count, pieces = cv2.connectedComponents((score > 0.5).numpy().astype(np.uint8))  # noqa: PLR2004 - a half
            for piece in range(1, count):
                mask = torch.from_numpy(pieces == piece)
                if int(mask.sum()) >= _LEAST_PX:
                    masks.append(mask)
                    classes.append(class_id)
                    sure.append(float(score[mask].mean()))
        stacked = torch.stack(masks) if masks else torch.zeros((0, *picture.shape[1:]), dtype=torch.bool)
        order = torch.tensor(sure, dtype=torch.float32).argsort(descending=True)
        found = stacked[order]
        return Objects(
            unit_boxes(found),
            torch.tensor(classes, dtype=torch.int64)[order],
            torch.tensor(sure, dtype=torch.float32)[order],
            found,
        )

    def _painted(self, one: Objects, height: int, width: int) -> Tensor:
        """Return where each class is, (classes, H, W)."""
        painted = torch.zeros((self._classes, height, width))
        for row, class_id in enumerate(one.class_id.tolist()):
            if one.masks is not None:
                painted[class_id][one.masks[row]] = 1.0
            else:
                left, top, right, bottom = (round(value) for value in one.xyxy[row].tolist())
                painted[class_id, top:bottom, left:right] = 1.0
        return painted

"""The loss for sets that label different classes: what a set leaves unlabelled is unknown, not absent.

A carton picture whose barcodes nobody labelled would teach a detector, by every barcode on it, that a barcode is
background. Here the classification loss of the classes that a picture's set does not label is left out for that
picture; the loss of its boxes and of its labelled classes stays what it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class PartialLabels:
    """Which classes each set of a training labels.

    Attributes:
        by_set: Ids of the labelled classes by the set's name, which is the name of the folder of its pictures.
        masked: Whether unlabelled classes are left out of the loss; False is the naive merge, kept to compare with.
    """

    by_set: Mapping[str, frozenset[int]]
    masked: bool = True

    def labelled(self, picture: str) -> frozenset[int]:
        """Return the ids of the classes that are labelled on a picture."""
        return self.by_set[Path(picture).parent.name]


class MaskedBCEWithLogits(nn.Module):
    """Binary cross entropy that leaves out, picture by picture, the classes of which nothing is known."""

    def __init__(self) -> None:
        super().__init__()
        self._mask: Tensor | None = None

    def set_mask(self, mask: Tensor) -> None:
        """Say which classes count in the batch that comes next.

        Args:
            mask: (B, C) float, 1 where the picture's set labels the class, else 0.
        """
        self._mask = mask

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of every cell.

        Args:
            logits: (B, A, C), before sigmoid, for A anchors.
            targets: (B, A, C), 0 to 1.

        Returns:
            (B, A, C), zero where the mask is.

        Raises:
            ValueError: The mask is of another batch.
        """
        loss = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        if self._mask is None:
            return loss
        if self._mask.shape != (logits.shape[0], logits.shape[2]):
            raise ValueError(f"the mask {tuple(self._mask.shape)} is not of this batch {tuple(logits.shape)}")
        return loss * self._mask[:, None, :]


def class_mask(labelled: list[frozenset[int]], classes: int) -> Tensor:
    """Return (B, C) float: 1 where picture b's set labels class c."""
    mask = torch.zeros(len(labelled), classes)
    for row, ids in enumerate(labelled):
        mask[row, sorted(ids)] = 1.0
    return mask

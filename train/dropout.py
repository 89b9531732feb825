"""Dropout before a detector's class scores, in training alone: the model that is saved knows nothing of it."""

from typing import Any

import torch


def drop_features(head: Any, share: float) -> None:
    """Let the last layers that tell the classes go without some of their features, by chance, while they train.

    Whole channels are dropped, since neighbouring pixels of one tell the same.

    Args:
        head: Of a model of ultralytics'; the branches of both its assignments, where it has two.
        share: Of the channels, 0 to 1.

    Source: Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015, section 3.2.
    """

    def drop(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(torch.nn.functional.dropout2d(features, share, layer.training) for features in inputs)

    for name in ("cv3", "one2one_cv3"):
        for branch in getattr(head, name, None) or ():
            branch[-1].register_forward_pre_hook(drop)

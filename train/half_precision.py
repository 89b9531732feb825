"""Keeps a detector's loss in float32 where its network computes in bf16."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


class FullPrecisionCriterion:
    """A detector's loss, computed in float32 whatever its network computed in.

    bf16 has eight significant bits: coordinates of boxes decoded in it, and their IoU with the labels, would be off by
    up to a quarter of a cell of the head's grid.

    Args:
        stock: The loss: raw predictions and a batch to a vector of losses and their parts by name.
    """

    def __init__(self, stock: Any) -> None:
        self.stock = stock

    def __call__(self, predictions: Any, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the losses and their parts by name."""
        with torch.autocast(batch["img"].device.type, enabled=False):
            return self.stock(in_full(predictions), batch)

    def __getattr__(self, name: str) -> Any:
        """Give what is no loss to the detector's own."""
        if name == "stock" or name.startswith("_"):  # not even begun to exist, while it is copied
            raise AttributeError(name)
        return getattr(self.stock, name)


def in_full(predictions: Any) -> Any:
    """Return predictions, nested as they come from a head, with every bf16 tensor as float32."""
    match predictions:
        case Tensor():
            return predictions.float() if predictions.dtype == torch.bfloat16 else predictions
        case Mapping():
            named: Mapping[str, Any] = predictions
            return {name: in_full(part) for name, part in named.items()}
        case Sequence():
            parts: Sequence[Any] = predictions
            whole = [in_full(part) for part in parts]
            return tuple(whole) if isinstance(predictions, tuple) else whole
        case _:
            return predictions

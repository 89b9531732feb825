"""Takes whole channels out of a model: over all layers the least important, what belongs together at once."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch_pruning
from torch import Tensor, nn

from compress.model_size import ModelSize
from devices.errors import EdgekitError

MOST = 0.7  # highest ratio that is asked for
LEFT = 0.25  # of each group's channels at least, so that no layer becomes a needle's eye
# Channels come in multiples of this: AVX-512 computes sixteen floats at once whether they are there or not. At 0.7 of
# the multiplications a detector is 1.42 times as fast with sixteens, and 1.27 times with eights (RESULTS.md).
ROUND_TO = 16
_TRACED_PX = 64  # which channels belong together does not depend on the picture's size


@dataclass(frozen=True, slots=True)
class Prunable(ABC):
    """A model taken apart so that it can be pruned; what a detector and a classifier do otherwise is left to either.

    Attributes:
        model: Computes what was trained.
        height: Rows of the input that costs are counted for.
        width: Columns of that input.
    """

    model: Any
    height: int
    width: int

    @abstractmethod
    def layers_left_alone(self, model: Any) -> Mapping[str, nn.Module]:
        """Return the parts of this model, or of a copy, that keep all channels that they give, by name."""

    @abstractmethod
    def followed(self, model: Any, pictures: Tensor) -> list[Tensor]:
        """Return what channels are followed back from, of pictures (N, 3, H, W), RGB, 0 to 1."""

    @abstractmethod
    def told(self, model: Any, pictures: Tensor) -> list[Tensor]:
        """Return all that others read of the model, which has to keep its shape."""

    @abstractmethod
    def size(self, model: Any) -> ModelSize:
        """Return what this model, or one pruned from it, weighs and computes for one picture as it is deployed."""

    def pruned(self, ratio: float) -> Any:
        """Return a pruned copy.

        Args:
            ratio: Share of the channels that is taken out, over all layers, before rounding to `ROUND_TO`.

        Raises:
            EdgekitError: The ratio is out of range, or nothing could be taken out.
        """
        if not 0 < ratio <= MOST:
            raise EdgekitError(f"a pruning ratio of {ratio} is not possible: it is above 0 and at most {MOST}")
        model = copy.deepcopy(self.model).requires_grad_(True)  # the tracer follows gradients
        shapes = self._shapes(model)
        self.pruner(model, ratio).step()
        if self._shapes(model) != shapes:
            raise EdgekitError("the pruned model's output has another shape: this architecture cannot be pruned")
        if channels_of(model) == channels_of(self.model):
            raise EdgekitError(f"a pruning ratio of {ratio} takes no channel out: name a higher one")
        return model.requires_grad_(False)

    def pruner(self, model: Any, ratio: float) -> Any:
        """Return what takes this share of the channels out of a copy of the model, whose gradients can be followed."""
        return torch_pruning.pruner.BasePruner(
            model,
            torch.zeros(1, 3, _TRACED_PX, _TRACED_PX),
            cast("Any", _Importance(p=2, normalizer="lamp")),
            global_pruning=True,
            pruning_ratio=ratio,
            round_to=ROUND_TO,
            ignored_layers=list(self.layers_left_alone(model).values()),
            forward_fn=self.followed,
        )

    def left_alone(self) -> tuple[str, ...]:
        """Return the names of the layers that keep all their channels."""
        return tuple(self.layers_left_alone(self.model))

    def _shapes(self, model: Any) -> Sequence[tuple[int, ...]]:
        with torch.no_grad():
            return [tuple(tensor.shape) for tensor in self.told(model, torch.zeros(1, 3, _TRACED_PX, _TRACED_PX))]


def channels_of(model: Any) -> dict[str, int]:
    """Return the output channels of every convolution, by name."""
    return {name: part.out_channels for name, part in model.named_modules() if isinstance(part, nn.Conv2d)}


class _Importance(torch_pruning.importance.GroupMagnitudeImportance):
    """The L2 norm of all weights that go with a channel, over the sum of those at least as heavy.

    So scaled, a group's heaviest channel counts 1 in every layer, and the narrow first layers, on which all others
    build, lose little. Scaled by the group's mean instead, a fine-tuned detector lost more than twice as much
    (RESULTS.md). The best of a group are never pruned.

    Source: Lee et al., Layer-adaptive Sparsity for the Magnitude-based Pruning, 2021, the LAMP score.
    """

    def __call__(self, group: Any) -> Tensor | None:
        importance = cast("Tensor | None", super().__call__(group))
        if importance is not None:
            best = importance.topk(max(1, round(LEFT * len(importance)))).indices
            importance[best] = float("inf")
        return importance

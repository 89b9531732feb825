"""Takes whole channels out of a detector: over all layers the least important, what belongs together at once."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch_pruning
from torch import Tensor, nn

from compress.chunk_split import split_chunks
from compress.model_size import ModelSize
from compress.prunable import check_prunable, deployed, left_alone
from devices.errors import EdgekitError
from train.model_shape import mark_pruned

MOST = 0.7  # highest ratio that is asked for
LEFT = 0.25  # of each group's channels at least, so that no layer becomes a needle's eye
# Channels come in multiples of this: AVX-512 computes sixteen floats at once whether they are there or not. At 0.7 of
# the multiplications a detector is 1.42 times as fast with sixteens, and 1.27 times with eights (RESULTS.md).
ROUND_TO = 16
_TRACED_PX = 64  # which channels belong together does not depend on the picture's size


@dataclass(frozen=True, slots=True)
class Prunable:
    """A detector taken apart so that it can be pruned.

    Attributes:
        model: With its chunking blocks split; computes what the checkpoint computes.
        height: Rows of the input that costs are counted for.
        width: Columns of that input.
        top_k: Whether costs are those of the NMS-free head.
    """

    model: Any
    height: int
    width: int
    top_k: bool

    @classmethod
    def of(cls, model: Any, path: Path, *, height: int, width: int, top_k: bool) -> "Prunable":
        """Take a checkpoint's model apart; the model itself stays as it is.

        Raises:
            EdgekitError: It is no detector that can be pruned, or lacks the NMS-free head asked for.
        """
        check_prunable(model, path)
        if top_k and getattr(model.model[-1], "one2one_cv2", None) is None:
            raise EdgekitError(f"{path} has no NMS-free head: only YOLO26 has one")
        taken_apart = copy.deepcopy(model).float().eval()
        split_chunks(taken_apart)
        return cls(taken_apart, height, width, top_k)

    def pruned(self, ratio: float) -> Any:
        """Return a pruned copy, marked so that no trainer rebuilds it.

        Args:
            ratio: Share of the channels that is taken out, over all layers, before rounding to `ROUND_TO`.

        Raises:
            EdgekitError: The ratio is out of range, or nothing could be taken out.
        """
        if not 0 < ratio <= MOST:
            raise EdgekitError(f"a pruning ratio of {ratio} is not possible: it is above 0 and at most {MOST}")
        model = copy.deepcopy(self.model).requires_grad_(True)  # the tracer follows gradients
        picture = torch.zeros(1, 3, _TRACED_PX, _TRACED_PX)
        shapes = _output_shapes(model, picture)
        pruner = torch_pruning.pruner.BasePruner(
            model,
            picture,
            cast("Any", _Importance(p=2, normalizer="lamp")),
            global_pruning=True,
            pruning_ratio=ratio,
            round_to=ROUND_TO,
            ignored_layers=list(left_alone(model).values()),
            # Raw predictions: what comes after them is arithmetic on places, which no channel may be pruned through.
            forward_fn=_raw_predictions,
            output_transform=_tensors,
        )
        pruner.step()
        if _output_shapes(model, picture) != shapes:
            raise EdgekitError("the pruned model's output has another shape: this architecture cannot be pruned")
        if channels_of(model) == channels_of(self.model):
            raise EdgekitError(f"a pruning ratio of {ratio} takes no channel out: name a higher one")
        mark_pruned(model)
        return model.requires_grad_(False)

    def size(self, model: Any) -> ModelSize:
        """Return what this model, or one pruned from it, weighs and computes."""
        return size_of(model, self.height, self.width, top_k=self.top_k)

    def left_alone(self) -> tuple[str, ...]:
        """Return the names of the layers that keep all their channels."""
        return tuple(left_alone(self.model))


def size_of(model: Any, height: int, width: int, *, top_k: bool) -> ModelSize:
    """Return what a detector weighs and computes for one picture as it is deployed, counted by torch-pruning."""
    picture = torch.zeros(1, 3, height, width)
    counted: Any = torch_pruning.utils.count_ops_and_params(deployed(model, top_k=top_k), picture)
    return ModelSize(macs=int(counted[0]), parameters=int(counted[1]))


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


def _raw_predictions(model: Any, pictures: Tensor) -> Any:
    return model(pictures)[1]


def _tensors(output: Any) -> list[Tensor]:
    """Return all tensors of a nested output, in order."""
    if isinstance(output, Tensor):
        return [output]
    parts = cast("Mapping[str, Any]", output).values() if isinstance(output, dict) else output
    return [tensor for part in parts for tensor in _tensors(part)]


def _output_shapes(model: Any, picture: Tensor) -> list[tuple[int, ...]]:
    """Return the shapes of what a decoder reads, and of the raw predictions of each head by which it came about."""
    with torch.no_grad():
        decoded, raw = model(picture)
    heads = [raw[name] for name in ("one2many", "one2one") if name in raw] or [raw]
    told = [head[key] for head in heads for key in ("boxes", "scores", "mask_coefficient", "proto") if key in head]
    return [tuple(tensor.shape) for tensor in (*_tensors(decoded), *told)]

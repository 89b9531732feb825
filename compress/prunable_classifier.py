"""Which classifier can be pruned, and what one weighs: its backbone is any of timm's or torchvision's that is known."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from compress.model_size import ModelSize
from compress.prune import Prunable
from compress.refusal import RefusedError
from devices.errors import EdgekitError
from train.classifier.network import TagNetwork

_TRIED = 0.5  # ratio at which it is tried whether channels are followed rightly
_ROUNDED = 1e-3  # share of the largest output by which two ways to the same may differ in float32


@dataclass(frozen=True, slots=True)
class PrunableClassifier(Prunable):
    """A classifier; its backbone's last channels, the features, may go too."""

    @classmethod
    def of(cls, network: TagNetwork, backbone: str, side: int) -> "PrunableClassifier":
        """Look whether a network can be pruned; it stays as it is.

        Args:
            network: The trained network.
            backbone: Its name, for messages.
            side: Of the input that costs are counted for, pixels.

        Raises:
            RefusedError: A layer is of a kind that is not known, or its channels cannot be followed.
        """
        for name, part in network.backbone.named_modules():
            if not _is_known(part):
                raise RefusedError(
                    f"{backbone} cannot be pruned: its {name or 'whole'} is a {type(part).__name__}, and channels are "
                    "followed through convolutions, plain or depthwise, and their batch norms alone; train one like "
                    "tf_efficientnet_lite0, torchvision/mobilenet_v2 or torchvision/resnet50"
                )
        whole = cls(copy.deepcopy(network).eval(), side, side)
        try:
            exact = whole._is_exact()
        except EdgekitError as exc:
            raise RefusedError(f"{backbone} cannot be pruned: {exc}") from exc
        except Exception as exc:  # whatever a tracer says of an architecture that it does not know
            raise RefusedError(f"{backbone} cannot be pruned: its channels cannot be followed ({exc})") from exc
        if not exact:
            raise RefusedError(f"{backbone} cannot be pruned: without channels it is not what it is with them at zero")
        return whole

    def layers_left_alone(self, model: Any) -> Mapping[str, nn.Module]:
        """Return the head: each of its columns is a value."""
        return {"head": model.head}

    def followed(self, model: Any, pictures: Tensor) -> list[Tensor]:
        """Return the logits."""
        return [model(pictures)]

    def told(self, model: Any, pictures: Tensor) -> list[Tensor]:
        """Return the logits."""
        return [model(pictures)]

    def size(self, model: Any) -> ModelSize:
        """Return what this classifier, or one pruned from it, weighs and computes, batch norms folded."""
        return network_size(model, self.height)

    def _is_exact(self) -> bool:
        """Whether a pruned copy says what one says in which the same channels are zero."""
        zeroed, pruned = copy.deepcopy(self.model).requires_grad_(True), self.pruned(_TRIED)
        pruner = self.pruner(zeroed, _TRIED)
        with torch.no_grad():
            for group in list(pruner.step(interactive=True)):
                for dependency, channels in group:
                    if _gives(dependency, pruner.DG):
                        for value in dependency.target.module.parameters(recurse=False):
                            value[list(channels)] = 0
            pictures = torch.rand(2, 3, self.height, self.width, generator=torch.Generator().manual_seed(0))
            wanted, found = zeroed(pictures), pruned(pictures)
        return bool((wanted - found).abs().max() <= _ROUNDED * wanted.abs().max())


def network_size(network: nn.Module, side: int) -> ModelSize:
    """Return what a network weighs and computes for a picture (1, 3, side, side), its batch norms folded."""
    parameters = macs = 0

    def count(layer: nn.Module, _given: object, output: Tensor) -> None:
        nonlocal parameters, macs
        weights: Any = layer.weight
        parameters += weights.numel() + output.shape[1]  # folding a batch norm leaves a bias
        macs += weights.numel() * output[0, 0].numel()

    layers = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        network(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return ModelSize(parameters=parameters, macs=macs)


def _is_known(part: nn.Module) -> bool:
    if isinstance(part, nn.Conv2d):
        return part.groups in (1, part.in_channels) and part.groups in (1, part.out_channels)
    return isinstance(part, nn.BatchNorm2d) or not list(part.parameters(recurse=False))


def _gives(dependency: Any, graph: Any) -> bool:
    """Whether a dependency takes channels out of what a layer gives, not of what it takes."""
    module = dependency.target.module
    return isinstance(module, nn.BatchNorm2d) or (
        isinstance(module, nn.Conv2d) and graph.is_out_channel_pruning_fn(dependency.handler)
    )

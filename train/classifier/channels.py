"""The channels of a backbone's layers: what is left of them in a pruned one, and a fresh one cut to as many."""

from collections.abc import Iterator, Mapping

import torch
from torch import nn

from devices.errors import EdgekitError

Layer = nn.Conv2d | nn.BatchNorm2d


def layer_channels(backbone: nn.Module) -> dict[str, tuple[int, int]]:
    """Return how many channels each convolution and batch norm takes and gives, by name."""
    return {name: _channels(layer) for name, layer in _layers(backbone)}


def cut_channels(backbone: nn.Module, channels: Mapping[str, tuple[int, int]], name: str) -> None:
    """Leave the layers of a fresh backbone so many channels; which ones says the checkpoint that fills it.

    Args:
        backbone: As its library makes it.
        channels: Taken and given by each of its layers, by name; none has more than before.
        name: Of the backbone, for messages.

    Raises:
        EdgekitError: The backbone has other layers, or one of them fewer channels.
    """
    layers = dict(_layers(backbone))
    if layers.keys() != channels.keys():
        raise EdgekitError(f"{name} has other layers than the backbone that was pruned: name that one, and its stages")
    for path, layer in layers.items():
        (takes, gives), (took, gave) = channels[path], _channels(layer)
        if takes > took or gives > gave:
            raise EdgekitError(f"{name} has {took} to {gave} channels in {path}, not {takes} to {gives}: it is another")
        if isinstance(layer, nn.Conv2d):
            _cut_convolution(layer, takes, gives)
        else:
            _cut_norm(layer, gives)


def _layers(backbone: nn.Module) -> Iterator[tuple[str, Layer]]:
    for name, module in backbone.named_modules():
        if isinstance(module, Layer):
            yield name, module


def _channels(layer: Layer) -> tuple[int, int]:
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels, layer.out_channels
    return layer.num_features, layer.num_features


def _cut_convolution(layer: nn.Conv2d, takes: int, gives: int) -> None:
    if layer.groups > 1:
        layer.groups = takes  # depthwise: each channel by itself
    layer.in_channels, layer.out_channels = takes, gives
    layer.weight = nn.Parameter(layer.weight.detach()[:gives, : takes // layer.groups].clone())
    if layer.bias is not None:
        layer.bias = nn.Parameter(layer.bias.detach()[:gives].clone())


def _cut_norm(layer: nn.BatchNorm2d, gives: int) -> None:
    layer.num_features = gives
    for name in ("weight", "bias"):
        setattr(layer, name, nn.Parameter(getattr(layer, name).detach()[:gives].clone()))
    for name in ("running_mean", "running_var"):
        value: torch.Tensor = getattr(layer, name)
        setattr(layer, name, value[:gives].clone())

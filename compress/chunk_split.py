"""Takes the chunking blocks of a YOLO apart, exactly, so that each of their halves can lose channels of its own.

C2f and C3k2 compute one convolution and cut its output in two. Channels pruned from it would have to come off both
halves alike, and no pruner follows them through the cut. Two convolutions, each with its own rows of the weights,
compute the same. The block's parts become layers of the model itself, all of ultralytics' own classes: a checkpoint may
hold nothing else, since nothing else is loaded.
"""

import copy
from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
from torch import nn
from ultralytics.nn.modules import C2f, C3k2, Concat

PREVIOUS = -1  # where a layer's input comes from, in ultralytics' words


def split_chunks(model: Any) -> None:
    """Put in the place of each C2f and C3k2 of a detector the layers that it is made of.

    A block that reads layer f becomes: first half (reads f), second half (reads f), inner blocks (each reads the one
    before), concatenation (reads all of these), closing convolution. Layers behind it are counted anew.

    Args:
        model: Ultralytics' DetectionModel, changed in place; it computes what it computed before.
    """
    layers: list[Any] = []
    place: list[int] = []  # of each old layer's output among the new ones

    def add(module: Any, sources: int | list[int]) -> int:
        module.i, module.f, module.type = len(layers), sources, f"{type(module).__module__}.{type(module).__name__}"
        module.np = sum(parameter.numel() for parameter in module.parameters())
        layers.append(module)
        return module.i

    for index, old in enumerate(model.model):
        sources = _new_sources(old.f, index, place)
        if type(old) in {C2f, C3k2}:
            first, second = _halves(old.cv1)
            parts = [add(first, sources), add(second, sources)]
            parts += [add(inner, PREVIOUS) for inner in old.m]
            add(Concat(1).train(old.training), parts)
            place.append(add(old.cv2, PREVIOUS))
        else:
            place.append(add(old, sources))
    model.model = nn.Sequential(*layers)
    used = (layer.f if isinstance(layer.f, list) else [layer.f] for layer in layers)
    model.save = sorted({source for sources in used for source in sources} - {PREVIOUS})


def _new_sources(old: Any, index: int, place: list[int]) -> Any:
    """Return where a layer's input comes from among the new layers; the picture itself stays what it is."""
    if isinstance(old, list):
        return [_new_sources(source, index, place) for source in old]
    if old == PREVIOUS and index == 0:
        return PREVIOUS
    return place[index + old if old < 0 else old]


def _halves(convolution: Any) -> tuple[Any, Any]:
    """Return a convolution with its batch norm as two, for the first and the second half of its output channels."""
    middle = convolution.conv.out_channels // 2
    return _rows(convolution, slice(0, middle)), _rows(convolution, slice(middle, None))


def _rows(convolution: Any, rows: slice) -> Any:
    """Return a convolution with its batch norm that gives some of its output channels alone."""
    part = copy.deepcopy(convolution)
    for module in (part.conv, part.bn):
        for value in (*module.parameters(), *module.buffers()):
            if value.ndim:  # all but the count of batches
                value.data = value.data[rows].clone()
    part.conv.out_channels = part.bn.num_features = part.conv.weight.shape[0]
    return part

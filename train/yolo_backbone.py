"""The backbone of a YOLO in stages, with random weights or a detector's, for a classifier to be made of."""

from pathlib import Path
from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
from torch import nn
from ultralytics.nn.modules import Conv
from ultralytics.nn.tasks import DetectionModel

from devices.errors import EdgekitError
from train.yolo_models import load


def detector_stages(name: str, weights: Path | None) -> list[nn.Sequential]:
    """Return the stem of a detector's backbone, and behind it its stages; each halves the picture.

    Args:
        name: Of the detector, as ultralytics describes it, e.g. `yolov8n`.
        weights: The checkpoint whose weights they have; None leaves them random.

    Raises:
        EdgekitError: The checkpoint cannot be loaded safely, or has not the backbone that the name describes.
    """
    layers = _backbone_of(DetectionModel(f"{name}.yaml", verbose=False))
    if weights is not None:
        given = load(weights).model
        try:
            layers.load_state_dict(_backbone_of(given).float().state_dict())
        except (AttributeError, RuntimeError, KeyError) as exc:
            raise EdgekitError(
                f"{weights} has not the backbone of a {name}: it is of another size or kind, or was pruned; name the "
                "detector that it is, as in --backbone yolo/yolo11n"
            ) from exc
    stages: list[list[nn.Module]] = []
    for layer in layers:
        if isinstance(layer, Conv) and layer.conv.stride != (1, 1):
            stages.append([])
        stages[-1].append(layer)
    return [nn.Sequential(*stage) for stage in stages]


def _backbone_of(model: Any) -> nn.Sequential:
    """Return the layers of a model's backbone, each of which takes what the one before it gives."""
    return model.model[: len(model.yaml["backbone"])]

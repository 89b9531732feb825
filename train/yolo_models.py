"""Loads, writes, runs and exports YOLOs; nothing here trains, and nothing reaches for the network."""

import pickle
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
import numpy as np
import torch
from numpy.typing import NDArray
from ultralytics import YOLO
from ultralytics.nn import tasks
from ultralytics.nn.tasks import yaml_model_load
from ultralytics.utils import YAML

from devices.errors import EdgekitError
from edge.model.detections import Detections

# Whoever imported ultralytics before this did so without our environment, which it reads only then.
tasks.SAFE_LOAD = True  # pyright: ignore[reportPrivateImportUsage] - it looks up its own name at each load


def predict(weights: Path, pictures: Sequence[Path], *, size: tuple[int, int], score: float) -> Iterator[Detections]:
    """Yield what a checkpoint finds in each picture, in their order.

    Args:
        weights: The checkpoint.
        pictures: Files.
        size: Rows and columns of the input.
        score: What scores less is left out.

    Raises:
        EdgekitError: The checkpoint cannot be loaded safely.
    """
    model = load(weights)
    for picture in pictures:
        (found,) = model.predict(str(picture), imgsz=size, rect=False, conf=score, verbose=False, save=False)
        boxes: Any = found.boxes
        yield Detections(
            np.asarray(boxes.xyxy.cpu(), np.float32).reshape(-1, 4),
            np.asarray(boxes.conf.cpu(), np.float32),
            np.asarray(boxes.cls.cpu()).astype(np.int32),
        )


def load(weights: Path) -> Any:
    """Return the model of a checkpoint, or of a YAML with random weights.

    Raises:
        EdgekitError: The checkpoint cannot be read, or holds anything else than a model of ultralytics' classes.
    """
    try:
        return YOLO(str(weights))
    except (TypeError, AttributeError, KeyError, pickle.UnpicklingError, RuntimeError) as exc:
        raise EdgekitError(
            f"{weights} is no checkpoint of ultralytics that can be loaded safely ({str(exc).splitlines()[0]}): "
            "nothing in it was run; take one from a source that you trust"
        ) from exc


def export_onnx(
    weights: Path, folder: Path, *, height: int, width: int, opset: int, top_k: bool
) -> tuple[Path, tuple[str, ...]]:
    """Export a checkpoint in ultralytics' own form: float NCHW RGB in, one output.

    Args:
        weights: The checkpoint.
        folder: Where to write; ultralytics writes beside the checkpoint, so a copy is put there.
        height: Rows of the input, pixels.
        width: Columns of the input, pixels.
        opset: ONNX operator set.
        top_k: Take the NMS-free head of a model that has one.

    Returns:
        The ONNX file and the class names in the order of their ids.
    """
    copy = folder / "model.pt"
    shutil.copyfile(weights, copy)
    model = load(copy)
    options: dict[str, Any] = {"nms": False} if top_k else {}
    with warnings.catch_warnings():
        # Tracing warns of each branch on a shape; the exported input has a fixed size.
        warnings.filterwarnings("ignore", module="torch|ultralytics")
        written = model.export(
            format="onnx", imgsz=(height, width), opset=opset, simplify=True, device="cpu", **options
        )
    return Path(written), tuple(model.names[index] for index in sorted(model.names))


def save_checkpoint(model: Any, train_args: Mapping[str, Any], out: Path) -> None:
    """Write a model as a checkpoint that `load` reads, as float32.

    Args:
        model: One of ultralytics' own classes, made of its own layers alone, since nothing else is loaded.
        train_args: What it was trained with, as its own checkpoint says.
        out: The file to write.
    """
    torch.save({"epoch": -1, "model": model, "ema": None, "train_args": dict(train_args)}, out)


def has_nms_free_head(weights: Path) -> bool:
    """Whether a checkpoint's head was trained to give each object once (YOLO26)."""
    return getattr(load(weights).model.model[-1], "one2one_cv2", None) is not None


def model_yaml(name: str, classes: int, out: Path) -> Path:
    """Write the description of a model with random weights, for a training from scratch.

    Args:
        name: Of the model, its size as the last letter, e.g. `yolov8n`.
        classes: Number of classes.
        out: The file to write; ultralytics reads the model's size from its name.
    """
    YAML.save(str(out), {**yaml_model_load(f"{name}.yaml"), "nc": classes})
    return out


def detecting(weights: Path, size: tuple[int, int], score: float) -> Callable[[NDArray[np.uint8]], Detections]:
    """Return a function that tells what a checkpoint finds in a picture (H, W, 3) uint8 BGR; for one thread at a time.

    Args:
        weights: The checkpoint.
        size: Rows and columns of the input that pictures are fitted into.
        score: Detections below it are not told.

    Raises:
        EdgekitError: The checkpoint cannot be loaded safely.
    """
    model = load(weights)

    def detect(image: NDArray[np.uint8]) -> Detections:
        (result,) = model.predict(image, imgsz=size, rect=False, conf=score, device="cpu", verbose=False)
        rows = result.boxes.data.cpu().numpy()
        return Detections(rows[:, :4].astype(np.float32), rows[:, 4].astype(np.float32), rows[:, 5].astype(np.int32))

    return detect

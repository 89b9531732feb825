"""A training reads the parts `train` and `val`; of the part `test` it opens nothing, neither pictures nor labels."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.evaluate.dataset import DetectionSet, open_set
from train.baselines.run import train_baseline
from train.baselines.settings import BaselineSettings, Kind
from train.detector import TrainSettings, train_detector
from train.yolo_models import model_yaml

MakeSet = Callable[..., DetectionSet]


def detector(opened: DetectionSet, run: Path) -> None:
    weights = model_yaml("yolov8n", 3, run.parent / "yolov8n.yaml")
    settings = {"weights": weights, "input_px": 64, "epochs": 1, "batch": 4, "freeze": 0, "plain_epochs": 0}
    train_detector(TrainSettings.model_validate(settings), [opened], run)


def baseline(opened: DetectionSet, run: Path) -> None:
    train_baseline(BaselineSettings(kind=Kind.UNET, input_px=64, epochs=1), [opened], run)


@pytest.mark.parametrize("train", [detector, baseline])
def test_a_training_opens_no_file_of_a_sets_test_part(
    make_set: MakeSet, tmp_path: Path, opened_files: Any, train: Callable[[DetectionSet, Path], None]
):
    folder = make_set("cartons", ("carton",), 0).folder
    for part in ("images", "labels"):
        shutil.copytree(folder / part / "val", folder / part / "test")
    opened_files.paths.clear()
    train(open_set(folder), tmp_path / "run")
    read = {"/".join(path.parts[:2]) for path in opened_files.below(folder) if len(path.parts) > 1}
    assert read == {"images/train", "labels/train", "images/val", "labels/val"}

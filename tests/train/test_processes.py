"""Two processes learn what one learns from the same pictures, move alike, write once, and end together."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from train.detector import TrainSettings, train_detector
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.yolo_models import load, model_yaml

MakeSet = Callable[..., DetectionSet]
PLAIN = {"mosaic": 0.0, "scale": 0.0, "shift": 0.0, "flip": 0.0, "hue": 0.0, "saturation": 0.0, "brightness": 0.0}


def settings(weights: Path, **changes: object) -> TrainSettings:
    fixed = {"input_px": 64, "epochs": 1, "batch": 8, "effective_batch": 8, "freeze": 0, "plain_epochs": 0}
    return TrainSettings.model_validate({"weights": weights, **fixed, **PLAIN, **changes})


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model: Any = load(model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml"))
    path = tmp_path / "first.pt"
    model.save(path)
    return path


@pytest.mark.timeout(300)
def test_two_processes_move_the_weights_as_one_does_with_the_doubled_batch(
    make_set: MakeSet, weights: Path, tmp_path: Path
):
    # With pictures that are all alike each process's share is like the whole, so that both trainings are the same.
    opened = make_set("a", ("carton",), 0, pictures=16)
    for path in opened.folder.glob("images/*/*"):
        cv2.imwrite(str(path), np.full((64, 64, 3), 90, np.uint8))
    for path in opened.folder.glob("labels/*/*"):
        path.write_text("0 0.5 0.5 0.4 0.4\n", "utf-8")
    models: list[dict[str, torch.Tensor]] = []
    for processes in (1, 2):
        run = tmp_path / f"run-{processes}"
        # The weights start at rest: momentum and warm-up do the same to both.
        best = train_detector(settings(weights, processes=processes, optimiser="sgd"), [opened], run)
        models.append(load(best).model.float().state_dict())
        assert [record.epoch for record in EpochRecords(run / METRICS, EpochRecord).read()] == [1]
        assert len(list((run / "weights").iterdir())) == 2
    first, alone, together = load(weights).model.float().state_dict(), *models
    moved = 0
    for name, value in alone.items():
        if value.is_floating_point() and "running" not in name:
            torch.testing.assert_close(together[name], value, atol=2e-3, rtol=2e-2)
            moved += int(not torch.equal(first[name], value)) if first[name].shape == value.shape else 0
    assert moved > 50


@pytest.mark.timeout(300)
def test_a_process_that_dies_ends_the_run_with_its_cause(make_set: MakeSet, weights: Path, tmp_path: Path):
    opened = make_set("a", ("carton",), 0, pictures=16)

    def kill_the_second(_done: int, _total: int) -> None:
        for child in multiprocessing_children():
            if child.name == "edgekit-train-1":
                os.kill(int(child.pid), signal.SIGKILL)

    with pytest.raises(EdgekitError, match="process 2 of 2 was ended by SIGKILL"):
        train_detector(settings(weights, processes=2, epochs=50), [opened], tmp_path / "run", on_step=kill_the_second)
    assert not multiprocessing_children()


def multiprocessing_children() -> list[Any]:
    import multiprocessing  # noqa: PLC0415

    return [child for child in multiprocessing.active_children() if child.name.startswith("edgekit-train")]


def test_a_batch_that_cannot_be_shared_out_is_refused(make_set: MakeSet, weights: Path, tmp_path: Path):
    with pytest.raises(EdgekitError, match="cannot be shared out evenly to 3"):
        train_detector(settings(weights, processes=3), [make_set("a", ("carton",), 0)], tmp_path / "run")

"""A detector's run tells what it came to: a report with its errors, TensorBoard's events, JSON for programs."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from edge.evaluate.dataset import DetectionSet
from edge.evaluate.pairing import paired
from edge.model.detections import Detections
from train.detector import TrainSettings, train_detector
from train.detector_report import Judged, confusion_of, worst_of, write_run_report
from train.epochs import EpochRecord
from train.yolo_models import model_yaml

MakeSet = Callable[..., DetectionSet]


def boxes(*rows: tuple[int, float]) -> Detections:
    """Return squares of 10 pixels, each given as class and left edge."""
    xyxy = np.array([(left, 0, left + 10, 10) for _, left in rows], np.float32).reshape(-1, 4)
    class_ids = np.array([class_id for class_id, _ in rows], np.int32)
    return Detections(xyxy, np.ones(len(rows), np.float32), class_ids)


def judged(name: str, truth: Detections, found: Detections) -> Judged:
    return Judged(Path(name), truth, found, paired(truth.xyxy, found.xyxy))


def test_each_object_belongs_to_the_box_that_fits_it_best():
    assert paired(boxes((0, 0), (0, 4)).xyxy, boxes((0, 3), (0, 0)).xyxy) == ((0, 1), (1, 0))
    assert paired(boxes((0, 0)).xyxy, boxes((0, 1), (0, 2)).xyxy) == ((0, 0),)
    assert paired(boxes((0, 0)).xyxy, boxes((0, 6)).xyxy) == ()
    assert paired(boxes().xyxy, boxes((0, 6)).xyxy) == ()


def test_confusion_counts_hits_mix_ups_misses_and_what_was_made_up():
    one = judged("a.png", boxes((0, 0), (1, 20), (1, 40)), boxes((0, 0), (0, 20), (1, 80)))
    confusion = confusion_of([one], ("carton", "barcode"))
    assert confusion.names == ("carton", "barcode", "nothing")
    assert confusion.counts.tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_the_worst_pictures_come_first_and_perfect_ones_not_at_all():
    perfect = judged("perfect.png", boxes((0, 0)), boxes((0, 0)))
    missed = judged("missed.png", boxes((0, 0)), boxes())
    mixed_up = judged("mixed-up.png", boxes((0, 0)), boxes((1, 0)))
    assert [one.picture.name for one in worst_of([perfect, missed, mixed_up])] == ["mixed-up.png", "missed.png"]


def test_a_run_that_was_resumed_has_its_report_and_each_epoch_once_in_tensorboard(make_set: MakeSet, tmp_path: Path):
    weights = model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml")
    wanted = TrainSettings(weights=weights, input_px=64, epochs=2, batch=4, freeze=0, plain_epochs=0)
    opened, run = make_set("cartons", ("carton",), 0, pictures=4), tmp_path / "run"

    def break_off(record: EpochRecord) -> None:
        raise KeyboardInterrupt(record)

    steps: list[tuple[int, int]] = []

    def step(done: int, total: int) -> None:
        steps.append((done, total))

    with pytest.raises(KeyboardInterrupt):
        train_detector(wanted, [opened], run, on_epoch=break_off, on_step=step)
    train_detector(wanted, [opened], run, resume=True, on_step=step)
    assert steps == [(1, 2), (2, 2)]

    reader: Any = EventAccumulator(str(run / "tensorboard")).Reload()
    assert {"learning rate/learning rate", "gradient norm/gradient norm"} <= set(reader.Tags()["scalars"])
    assert [event.step for event in reader.Scalars("mAP50/carton")] == [1, 2]

    page = (run / "report.html").read_text(encoding="utf-8")
    assert "4 validation pictures" in page
    assert "edgekit train detector OUT --set cartons" in page
    assert "--weights yolov8n.yaml" in page
    assert page.count("data:image/png") == 6  # losses, learning rate, gradient norm, two scores, confusion
    assert page.count("data:image/jpeg") == 8  # two steps teach a net nothing: all four are wrong, shown in pairs

    shutil.rmtree(run / "build")
    page = write_run_report(run).read_text(encoding="utf-8")
    assert page.count("data:image/png") == 5
    assert "data:image/jpeg" not in page


def test_a_program_reads_nothing_but_json_and_is_shown_no_bar_of_steps(make_set: MakeSet, tmp_path: Path):
    weights = model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml")
    opened = make_set("cartons", ("carton",), 0, pictures=4)
    words = [sys.executable, "-c", "from edge.cli import main; main()", "train", "detector", str(tmp_path / "run")]
    words += [
        "--set",
        str(opened.folder),
        "--weights",
        str(weights),
        "--input-px",
        "64",
        "--epochs",
        "2",
        "--freeze",
        "0",
        "--json",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110, check=True, cwd=tmp_path)
    first, second, summary = (json.loads(line) for line in done.stdout.splitlines())
    assert [first["epoch"], second["epoch"], summary["epochs"]] == [1, 2, 2]
    assert set(first["ap50"]) == {"carton"}
    assert summary["finished"]
    assert summary["best"] in (first, second)
    assert Path(summary["checkpoint"]).is_file()
    assert Path(summary["report"]).is_file()
    assert "training" not in done.stderr
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["run", "sets", "yolov8n.yaml"]

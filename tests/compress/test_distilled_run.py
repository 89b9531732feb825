"""A student learns from the labels and from a teacher, tells who that was, and refuses one that cannot."""

from collections.abc import Callable
from pathlib import Path

import pytest

from compress.distilled_run import TEACHER, distil_run, read_distillation
from compress.source import Source
from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from train.detector import read_config
from train.epochs import EpochRecord
from train.runs import open_run
from train.settings import TrainSettings

PX = 64


def settings(weights: Path, epochs: int = 1) -> TrainSettings:
    return TrainSettings(weights=weights, input_px=PX, epochs=epochs, batch=4, freeze=0, plain_epochs=0)


def test_a_run_is_taught_goes_on_where_it_was_broken_off_and_tells_who_taught_it(
    random_checkpoint: Callable[[str], Path], squares: DetectionSet, tmp_path: Path
):
    teacher, student = Source.open(random_checkpoint("yolov8n")), random_checkpoint("yolov8n")
    out = tmp_path / "taught"

    def break_off(record: EpochRecord) -> None:
        raise KeyboardInterrupt(record)

    with pytest.raises(KeyboardInterrupt):
        distil_run(teacher, out, settings(student, 2), [squares], weight=0.5, on_epoch=break_off)
    with pytest.raises(EdgekitError, match="go on with it by --resume"):
        distil_run(teacher, out, settings(student, 2), [squares], weight=0.5)
    with pytest.raises(EdgekitError, match="another teacher, student or weight"):
        distil_run(teacher, out, settings(student, 2), [squares], weight=1, resume=True)
    best = distil_run(teacher, out, settings(student, 2), [squares], weight=0.5, resume=True)
    assert best == out / "weights" / "best.pt"
    run = open_run(out)
    assert [epoch.epoch for epoch in run.epochs] == [1, 2]
    assert all("teacher_loss" in epoch.losses for epoch in run.epochs)
    assert read_distillation(out).weight == 0.5
    assert (out / TEACHER).read_bytes() == teacher.weights.read_bytes()
    assert read_config(out).command.startswith(
        "edgekit compress distil OUT --teacher yolov8n.pt --distillation 0.5 --set squares "
    )


def test_a_teacher_of_another_head_or_of_other_classes_is_refused_and_leaves_nothing(
    random_checkpoint: Callable[[str], Path], squares: DetectionSet, tmp_path: Path
):
    student = random_checkpoint("yolov8n")
    with pytest.raises(EdgekitError, match="cannot teach this model"):
        distil_run(Source.open(random_checkpoint("yolo26n")), tmp_path / "out", settings(student), [squares])
    others = squares.description.model_copy(update={"classes": ("price", "name"), "labelled": ("price",)})
    with pytest.raises(EdgekitError, match="cannot teach this model"):
        distil_run(Source.open(student), tmp_path / "out", settings(student), [DetectionSet(squares.folder, others)])
    assert not (tmp_path / "out").exists()
    with pytest.raises(EdgekitError, match="there is neither a run nor a checkpoint"):
        Source.open(tmp_path / "nobody.pt")

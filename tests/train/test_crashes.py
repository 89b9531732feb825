"""A training that is killed, or meets a full disk or a NaN, loses no epoch that was saved and says what happened."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from train import yolo_trainer
from train.checkpoints import keep
from train.detector import TrainSettings, train_detector
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.yolo_models import load, model_yaml

MakeSet = Callable[..., DetectionSet]


@pytest.fixture
def wanted(tmp_path: Path) -> TrainSettings:
    weights = model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml")
    return TrainSettings(weights=weights, input_px=64, epochs=3, batch=4, freeze=0, plain_epochs=0)


def epochs_of(run: Path) -> list[int]:
    return [json.loads(line)["epoch"] for line in (run / METRICS).read_text(encoding="utf-8").splitlines()]


TRAIN = """
from edge.evaluate.dataset import open_set
from train.detector import TrainSettings, train_detector
train_detector(TrainSettings.model_validate_json(settings), [open_set(folder)], run)
"""


def test_a_run_killed_in_the_middle_of_a_save_resumes_to_its_full_number_of_epochs(
    make_set: MakeSet, wanted: TrainSettings, tmp_path: Path, kill_in_second_save: Callable[..., None]
):
    opened, run = make_set("cartons", ("carton",), 0), tmp_path / "run"
    kill_in_second_save(TRAIN, wanted.model_dump_json(), opened.folder, run)
    assert epochs_of(run) == [1, 2]  # the second was recorded, and its checkpoint torn
    load(run / "weights" / "last.pt")
    seen: list[int] = []
    best = train_detector(wanted, [opened], run, resume=True, on_epoch=lambda record: seen.append(record.epoch))
    assert seen == [2, 3]
    assert epochs_of(run) == [1, 2, 3]
    load(best)


def test_a_full_disk_keeps_the_last_good_checkpoint_and_is_told_in_one_line(
    make_set: MakeSet, wanted: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened, run = make_set("cartons", ("carton",), 0), tmp_path / "run"
    stock, saved = Path.write_bytes, dict[str, bytes]()

    def full(path: Path, data: bytes) -> int:
        if path.suffix != ".partial" or not saved:
            return stock(path, data)
        stock(path, data[:1000])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def remember(record: EpochRecord) -> None:
        del record
        saved.update({name: (run / "weights" / name).read_bytes() for name in ("last.pt", "best.pt")})

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(EdgekitError, match=r"cannot write .* No space left on device; .* --resume"):
            train_detector(wanted, [opened], run, on_epoch=remember)
    assert {path.name: path.read_bytes() for path in (run / "weights").iterdir()} == saved
    train_detector(wanted, [opened], run, resume=True)
    assert epochs_of(run) == [1, 2, 3]


def test_a_run_killed_between_its_last_epoch_and_its_end_is_finished_by_resuming(
    make_set: MakeSet, wanted: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened, run = make_set("cartons", ("carton",), 0), tmp_path / "run"

    def killed(last: Path, best: Path) -> None:
        raise KeyboardInterrupt(last, best)

    short = wanted.model_copy(update={"epochs": 1})
    with monkeypatch.context() as patched:
        patched.setattr(yolo_trainer, "strip", killed)
        with pytest.raises(KeyboardInterrupt):
            train_detector(short, [opened], run)
    load(train_detector(short, [opened], run, resume=True))
    assert epochs_of(run) == [1]
    with pytest.raises(EdgekitError, match="has finished"):
        train_detector(short, [opened], run, resume=True)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_nan_stops_the_run_and_names_its_cause(
    make_set: MakeSet, wanted: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
):
    opened = make_set("cartons", ("carton",), 0)

    class Broken(yolo_trainer.MaskedBCEWithLogits):
        def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            loss = super().forward(logits, targets)
            if where == "loss":
                return loss * float("nan")
            # The square root of nothing: a finite value whose slope is not.
            return loss + torch.sqrt((logits - logits.detach()) ** 2)

    monkeypatch.setattr(yolo_trainer, "MaskedBCEWithLogits", Broken)
    what = "cls_loss" if where == "loss" else "the gradient"
    told = rf"{what} became NaN or infinite in epoch 1, step 1 .* learning rate .* on cartons-\d\.png, .*: lower"
    with pytest.raises(EdgekitError, match=told):
        train_detector(wanted, [opened], tmp_path / "run")


def record_of(epoch: int) -> EpochRecord:
    return EpochRecord(epoch=epoch, losses={}, learning_rate=0.1, ap50={}, ap={})


def test_records_of_epochs_without_a_checkpoint_and_torn_lines_are_dropped(tmp_path: Path):
    records = EpochRecords(tmp_path / METRICS, EpochRecord)
    for epoch in (1, 2, 2, 3):
        records.add(record_of(epoch))
    with (tmp_path / METRICS).open("a", encoding="utf-8") as file:
        file.write('{"epoch": 4, "los')
    records.keep_first(2)
    records.add(record_of(3))
    assert epochs_of(tmp_path) == [1, 2, 3]


def test_a_failed_replacement_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "last.pt"
    path.write_bytes(b"old")

    def fail() -> Any:
        with keep(path) as new:
            new.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(EdgekitError, match="No space left"):
        fail()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.pt"]

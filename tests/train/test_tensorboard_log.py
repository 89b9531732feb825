"""TensorBoard's own reader finds every epoch once, however often the run was broken off."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from devices.errors import EdgekitError
from train.epoch_figures import EpochFigures
from train.tensorboard_log import TensorBoardLog


def epoch(number: int, loss: float = 0.5) -> EpochFigures:
    return EpochFigures(number, {"loss": {"box": loss, "class": 2 * loss}, "learning rate": {"rate": 0.01}})


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    reader: Any = EventAccumulator(str(folder)).Reload()
    return {
        tag: [(event.step, round(event.value, 6)) for event in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]
    }


def test_each_figure_is_a_scalar_of_its_group_by_epoch(tmp_path: Path):
    log = TensorBoardLog(tmp_path / "tensorboard")
    log.add(epoch(1, 0.5))
    log.add(epoch(2, 0.25))
    assert read(tmp_path / "tensorboard") == {
        "loss/box": [(1, 0.5), (2, 0.25)],
        "loss/class": [(1, 1.0), (2, 0.5)],
        "learning rate/rate": [(1, 0.01), (2, 0.01)],
    }


def test_a_resumed_run_has_no_epoch_twice_and_none_that_was_lost(tmp_path: Path):
    log = TensorBoardLog(tmp_path)
    for number in (1, 2, 3):
        log.add(epoch(number, 0.5))
    resumed = TensorBoardLog(tmp_path, [epoch(1, 0.5), epoch(2, 0.5)])  # the third was never saved
    resumed.add(epoch(3, 0.125))
    assert read(tmp_path)["loss/box"] == [(1, 0.5), (2, 0.5), (3, 0.125)]
    TensorBoardLog(tmp_path, [epoch(1)])
    assert read(tmp_path)["loss/box"] == [(1, 0.5)]
    assert sum(path.stat().st_size > 0 for path in tmp_path.iterdir()) == 1


def test_a_reader_that_looks_on_while_a_run_is_resumed_sees_no_epoch_twice(tmp_path: Path):
    log = TensorBoardLog(tmp_path)
    log.add(epoch(1, 0.5))
    log.add(epoch(2, 0.5))
    reader: Any = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in reader.Scalars("loss/box")] == [1, 2]
    TensorBoardLog(tmp_path, [epoch(1, 0.5)]).add(epoch(2, 0.25))
    reader.Reload()
    assert [(event.step, event.value) for event in reader.Scalars("loss/box")] == [(1, 0.5), (2, 0.25)]


def test_a_full_disk_is_told_and_the_earlier_events_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    TensorBoardLog(tmp_path).add(epoch(1))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(EdgekitError, match=r"cannot write .* No space left on device"):
            TensorBoardLog(tmp_path, [epoch(1)])
    TensorBoardLog(tmp_path, [epoch(1)])
    assert read(tmp_path)["loss/box"] == [(1, 0.5)]

"""Checkpoints of classifiers and baselines outlive a full disk and a kill -9 in the middle of a save."""

import resource
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from train.baselines.run import train_baseline
from train.baselines.settings import BaselineSettings, Kind
from train.checkpoints import save_state
from train.runs import open_run

MakeSet = Callable[..., DetectionSet]
SETTINGS = BaselineSettings(kind=Kind.UNET, input_px=64, epochs=3, batch=2)


@contextmanager
def files_of_at_most(size: int) -> Generator[None]:
    """Let the system refuse to write more than so many bytes into a file, as it does where a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_told_and_the_state_before_is_kept(tmp_path: Path):
    path = tmp_path / "last.pt"
    save_state({"weights": torch.zeros(10)}, path)
    before = path.read_bytes()
    told = pytest.raises(EdgekitError, match=r"cannot write .*last\.pt: File too large; .* --resume")
    with files_of_at_most(20_000), told:
        save_state({"weights": torch.zeros(100_000)}, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


TRAIN = """
from edge.evaluate.dataset import open_set
from train.baselines.run import train_baseline
from train.baselines.settings import BaselineSettings
train_baseline(BaselineSettings.model_validate_json(settings), [open_set(folder)], run)
"""


def test_a_baseline_killed_in_the_middle_of_a_save_resumes_to_its_full_number_of_epochs(
    make_set: MakeSet, tmp_path: Path, kill_in_second_save: Callable[..., None]
):
    opened, run = make_set("cartons", ("carton",), 0, pictures=2), tmp_path / "run"
    kill_in_second_save(TRAIN, SETTINGS.model_dump_json(), opened.folder, run)
    seen: list[int] = []
    train_baseline(SETTINGS, [opened], run, resume=True, on_epoch=lambda record: seen.append(record.epoch))
    assert seen == [2, 3]
    assert [record.epoch for record in open_run(run).epochs] == [1, 2, 3]

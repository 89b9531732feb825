"""Checkpoints of classifiers and baselines outlive a full disk and a kill -9 in the middle of a save."""

import resource
import signal
import subprocess
import sys
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


KILLED = """
import os, signal, sys
from pathlib import Path
from edge.evaluate.dataset import open_set
from train.baselines.run import train_baseline
from train.baselines.settings import BaselineSettings

stock = Path.write_bytes
saves = 0

def write_half(path, data):
    global saves
    saves += path.name == ".last.pt.partial"
    if saves == 2:
        stock(path, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return stock(path, data)

Path.write_bytes = write_half
settings = BaselineSettings.model_validate_json(sys.argv[1])
train_baseline(settings, [open_set(Path(sys.argv[2]))], Path(sys.argv[3]))
"""


def test_a_baseline_killed_in_the_middle_of_a_save_resumes_to_its_full_number_of_epochs(
    make_set: MakeSet, tmp_path: Path
):
    opened, run = make_set("cartons", ("carton",), 0, pictures=2), tmp_path / "run"
    words = [sys.executable, "-c", KILLED, SETTINGS.model_dump_json(), str(opened.folder), str(run)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    seen: list[int] = []
    train_baseline(SETTINGS, [opened], run, resume=True, on_epoch=lambda record: seen.append(record.epoch))
    assert seen == [2, 3]
    assert [record.epoch for record in open_run(run).epochs] == [1, 2, 3]

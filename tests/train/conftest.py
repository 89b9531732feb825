"""Small detection sets made on the fly: real training, without real pictures."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.evaluate.dataset import DetectionSet, open_set
from train.sets import describe

MakeSet = Callable[..., DetectionSet]
KILL_IN_A_SAVE = """
import os, signal, sys
from pathlib import Path

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
settings, folder, run = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
"""


@pytest.fixture
def kill_in_second_save() -> Callable[[str, str, Path, Path], None]:
    """Return what trains in a process of its own, which is killed when half of its second checkpoint is written.

    The lines that train find `settings` (JSON), the `folder` of a set, and `run`.
    """

    def train(lines: str, settings: str, folder: Path, run: Path) -> None:
        words = [sys.executable, "-c", KILL_IN_A_SAVE + lines, settings, str(folder), str(run)]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr

    return train


class OpenedFiles:
    """Real paths of the files that this process opens while it is asked to look."""

    def __init__(self) -> None:
        self.paths: set[Path] = set()
        self.looking = True
        sys.addaudithook(self._hear)  # stays for as long as the process lives, and then hears nothing

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.looking and event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            self.paths.add(Path(os.path.realpath(os.fsdecode(arguments[0]))))

    def below(self, folder: Path) -> set[Path]:
        """Return those in a folder, relative to it."""
        real = folder.resolve()
        return {path.relative_to(real) for path in self.paths if real in path.parents}


@pytest.fixture
def opened_files() -> Generator[OpenedFiles]:
    """Return what hears of each file that is opened until the test's end."""
    opened = OpenedFiles()
    yield opened
    opened.looking = False


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """Return a function that writes a set of pictures, each with one bright square of the given class."""

    def make(name: str, labelled: tuple[str, ...], class_id: int, pictures: int = 8) -> DetectionSet:
        rng = np.random.default_rng(class_id)
        folder = tmp_path / "sets" / name
        for split in ("train", "val"):
            (folder / "images" / split).mkdir(parents=True)
            (folder / "labels" / split).mkdir(parents=True)
            for index in range(pictures):
                picture = rng.integers(0, 90, (64, 64, 3), dtype=np.uint8)
                left, top = (int(value) for value in rng.integers(4, 36, 2))
                picture[top : top + 24, left : left + 24] = 200 + 20 * class_id
                cv2.imwrite(str(folder / "images" / split / f"{name}-{index}.png"), picture)
                label = f"{class_id} {(left + 12) / 64} {(top + 12) / 64} {24 / 64} {24 / 64}\n"
                (folder / "labels" / split / f"{name}-{index}.txt").write_text(label, encoding="utf-8")
        describe(folder, name=name, licence="CC0-1.0", source="made by a test", labelled=labelled)
        return open_set(folder)

    return make

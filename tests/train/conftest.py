"""Small detection sets made on the fly: real training, without real pictures."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.evaluate.dataset import DetectionSet, open_set
from train.sets import describe

MakeSet = Callable[..., DetectionSet]


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

"""Checkpoints with random weights, and a rendered set to train on: real pruning and training, at the tiniest sizes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from edge.evaluate.dataset import DetectionSet, open_set
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.taxonomy import Attribute, Taxonomy
from train import yolo_models as yolo
from train.sets import describe
from train.tagged_sets import write_tagged_set

CLASSES = ("carton", "barcode", "qr")


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives a checkpoint of a name like `yolov8n` whose batch norms have seen something."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def make(name: str) -> Path:
        path = folder / f"{name}.pt"
        if not path.exists():
            torch.manual_seed(0)
            model: Any = yolo.load(yolo.model_yaml(name, len(CLASSES), folder / f"{name}.yaml")).model
            model.names = dict(enumerate(CLASSES))
            model.train()
            with torch.no_grad():
                for _ in range(2):
                    model(torch.rand(2, 3, 64, 64))
            yolo.save_checkpoint(model.eval(), {}, path)
        return path

    return make


@pytest.fixture(scope="session")
def make_squares() -> Callable[[Path], DetectionSet]:
    """Return a function that writes a set of dark pictures, each with one bright square: a carton."""

    def make(folder: Path) -> DetectionSet:
        rng = np.random.default_rng(0)
        for split in ("train", "val"):
            (folder / "images" / split).mkdir(parents=True)
            (folder / "labels" / split).mkdir(parents=True)
            for index in range(6):
                picture = rng.integers(0, 90, (64, 64, 3), dtype=np.uint8)
                left, top = (int(value) for value in rng.integers(4, 36, 2))
                picture[top : top + 24, left : left + 24] = 220
                cv2.imwrite(str(folder / "images" / split / f"{index}.png"), picture)
                label = f"0 {(left + 12) / 64} {(top + 12) / 64} {24 / 64} {24 / 64}\n"
                (folder / "labels" / split / f"{index}.txt").write_text(label, encoding="utf-8")
        describe(folder, name="squares", licence="CC0-1.0", source="made by a test", labelled=("carton",))
        return open_set(folder)

    return make


@pytest.fixture
def squares(tmp_path: Path, make_squares: Callable[[Path], DetectionSet]) -> DetectionSet:
    """Return a set of dark pictures, each with one bright square: a carton."""
    return make_squares(tmp_path / "sets" / "squares")


@pytest.fixture(scope="session")
def make_coloured() -> Callable[[Path], TaggedSet]:
    """Return a function that writes a tagged set of pictures of three colours, each bright or dark."""
    taxonomy = Taxonomy(
        attributes=(
            Attribute(name="colour", values=("blue", "green", "red")),
            Attribute(name="shade", values=("dark", "bright")),
        )
    )

    def make(folder: Path) -> TaggedSet:
        rng = np.random.default_rng(0)
        origin = folder / "origin"
        origin.mkdir(parents=True)
        pictures: list[TaggedPicture] = []
        for number in range(36):
            colour, shade = number % 3, number // 3 % 2
            picture = rng.integers(0, 40, (40, 40, 3), dtype=np.uint8)
            picture[..., colour] += (90, 200)[shade]
            cv2.imwrite(str(origin / f"{number}.png"), picture)
            part = "val" if number < 12 else "train"
            pictures.append(TaggedPicture(origin / f"{number}.png", part, "", ((colour,), (shade,))))
        return write_tagged_set(
            folder / "coloured",
            name="coloured",
            licence="CC0-1.0",
            source="made by a test",
            taxonomy=taxonomy,
            pictures=pictures,
            origin=origin,
        )

    return make

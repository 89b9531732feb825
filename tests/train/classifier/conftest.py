"""A tiny tagged set of coloured pictures, and settings under which a tiny network learns it in seconds."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.settings import ClassifierSettings
from train.tagged_sets import write_tagged_set

COLOURS = {"blue": (230, 20, 20), "green": (20, 230, 20), "red": (20, 20, 230)}
TAXONOMY = Taxonomy(
    attributes=(
        Attribute(name="colour", values=tuple(COLOURS)),
        Attribute(name="warmth", values=("cold", "warm"), implied_by="colour", follows=(0, 0, 1)),
    )
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Generator[None]:
    """Compute in one thread: for networks as tiny as these, threads cost more than they bring."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def coloured(tmp_path: Path) -> TaggedSet:
    """Write 24 pictures to learn from and 9 to score on, each of one of three colours, under noise."""
    return _write_coloured(tmp_path)


@pytest.fixture(scope="module")
def coloured_of_all(tmp_path_factory: pytest.TempPathFactory) -> TaggedSet:
    """Write the same pictures once for all tests of a file, none of which may change them."""
    return _write_coloured(tmp_path_factory.mktemp("coloured"))


def _write_coloured(folder: Path) -> TaggedSet:
    rng = np.random.default_rng(0)
    origin = folder / "origin"
    origin.mkdir()
    pictures: list[TaggedPicture] = []
    for part, count in (("train", 8), ("val", 3)):
        for index, (colour, bgr) in enumerate(COLOURS.items()):
            for number in range(count):
                noise = rng.integers(-20, 20, (40, 40, 3))
                path = origin / f"{part}-{colour}-{number}.png"
                cv2.imwrite(str(path), (np.array(bgr) + noise).clip(0, 255).astype(np.uint8))
                pictures.append(TaggedPicture(path, part, "", ((index,),)))
    return write_tagged_set(
        folder / "coloured",
        name="coloured",
        licence="CC0-1.0",
        source="made by a test",
        taxonomy=TAXONOMY,
        pictures=pictures,
        origin=origin,
    )


@pytest.fixture(scope="session")
def tiny() -> Callable[..., ClassifierSettings]:
    """Return a function that makes settings for a tiny network; keyword arguments change parts of them."""

    def make(**changes: Any) -> ClassifierSettings:
        settings: dict[str, Any] = {
            "network": {"backbone": "test_efficientnet", "dropout": 0.0},
            "schedule": {"epochs": 2, "batch": 8, "learning_rate": 0.01, "backbone_rate": 1.0, "average_decay": 0.8},
            "augment": {"hue": 0.0, "mix": 0.0},
            "input_px": 32,
        }
        for name, value in changes.items():
            settings[name] = {**settings.get(name, {}), **value} if isinstance(value, dict) else value
        return ClassifierSettings.model_validate(settings)

    return make

"""A clean set of pictures that differ, for faults to be planted in."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from train.sets import describe

HEIGHT, WIDTH = 240, 320
CLASSES = ("carton", "barcode", "qr")
# Where a scene's three things stand, one of each class: left, top, right, bottom in pixels.
PLACES = ((20, 30, 120, 130), (140, 40, 240, 100), (180, 140, 260, 220))
CELLS = ((4, 4), (1, 16), (9, 9))


@dataclass(frozen=True)
class Planted:
    """A set in the kit's form, and what puts pictures into it."""

    folder: Path

    @staticmethod
    def scene(seed: int) -> NDArray[np.uint8]:
        """Paint a place that no other seed paints, with three things of different textures in it."""
        random = np.random.default_rng(seed)
        picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        picture[:] = random.integers(60, 190, 3)
        for _ in range(60):
            corners = random.integers(0, (WIDTH, HEIGHT), 2) + random.integers(-40, 40, (4, 2))
            cv2.fillPoly(picture, [corners.astype(np.int32)], random.integers(0, 255, 3).tolist())
        for (left, top, right, bottom), cells in zip(PLACES, CELLS, strict=True):
            dark, bright = random.integers(0, 90, 3), random.integers(150, 255, 3)
            pattern = np.where(random.integers(0, 2, (*cells, 1)) > 0, bright, dark).astype(np.uint8)
            size = (right - left, bottom - top)
            picture[top:bottom, left:right] = cv2.resize(pattern, size, interpolation=cv2.INTER_NEAREST)
        return picture

    @staticmethod
    def rows(*class_ids: int) -> str:
        """Return the label rows of a scene's things, of these classes in place of their own."""
        text = ""
        for class_id, (left, top, right, bottom) in zip(class_ids or (0, 1, 2), PLACES, strict=True):
            centre = f"{(left + right) / 2 / WIDTH} {(top + bottom) / 2 / HEIGHT}"
            text += f"{class_id} {centre} {(right - left) / WIDTH} {(bottom - top) / HEIGHT}\n"
        return text

    def add(self, split: str, name: str, picture: NDArray[np.uint8], labels: str | None = None) -> Path:
        """Write a picture and its labels, those of a scene if none are given; return the picture's file."""
        path = self.folder / "images" / split / name
        assert cv2.imwrite(str(path), picture)
        self.label(path).write_text(self.rows() if labels is None else labels, encoding="utf-8")
        return path

    def label(self, picture: Path) -> Path:
        return self.folder / "labels" / picture.parent.name / f"{picture.stem}.txt"

    def first(self, split: str = "train") -> Path:
        return min((self.folder / "images" / split).iterdir())

    def describe(self) -> None:
        """Describe the set as it is now."""
        describe(
            self.folder,
            name="planted",
            licence="CC0-1.0",
            source="made by a test",
            labelled=CLASSES,
            classes=CLASSES,
        )


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    """Make a set of six training and three validation pictures, without any fault."""
    made = Planted(tmp_path / "set")
    for split, seeds in (("train", range(6)), ("val", range(100, 103))):
        for part in ("images", "labels"):
            (made.folder / part / split).mkdir(parents=True)
        for seed in seeds:
            made.add(split, f"{split}-{seed}.jpg", made.scene(seed))
    made.describe()
    return made

"""Detection sets on disk: which classes a set labels, under which licence, and what its bytes are.

A set is a folder with `dataset.json`, `images/{train,val}` and `labels/{train,val}` in YOLO's layout, and where there
is one a part `test`. Each picture has its own label file; an empty one declares it background, a missing one
is a fault. Sets may label different classes of the same list; `labelled` says which, so that what a set leaves
unlabelled never counts as absent.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator

from devices.errors import EdgekitError
from devices.validation import read_json
from edge.model.manifest import Sha256

DESCRIPTION = "dataset.json"
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
SPLITS = ("train", "val")  # what a training reads
TEST = "test"  # opened to be scored alone, see openings.py
ALL_SPLITS = (*SPLITS, TEST)
_LOG = logging.getLogger(__name__)


class SetDescription(BaseModel):
    """`dataset.json`: what a set is, where it comes from, and what it labels."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.dataset/1"] = Field(default="edgekit.dataset/1", alias="schema")
    name: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$",
        description="letters, digits, - _ and ., since it names a folder",
    )
    licence: str = Field(description="SPDX expression, or `unstated`")
    source: str
    classes: tuple[str, ...] = Field(description="all classes, in the order of their ids in the labels")
    labelled: tuple[str, ...] = Field(description="those of them that this set labels wherever they stand")
    pictures: PositiveInt
    digest: Sha256 = Field(description="over names and contents of all pictures and labels")

    @field_validator("classes", "labelled")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ValueError(f"{', '.join(twice)} stands there more than once")
        return names


@dataclass(frozen=True, slots=True)
class DetectionSet:
    """A set that was opened: its folder and its description."""

    folder: Path
    description: SetDescription

    @property
    def labelled_ids(self) -> frozenset[int]:
        """Ids of the classes that this set labels."""
        return frozenset(self.description.classes.index(name) for name in self.description.labelled)

    def pictures(self, split: str) -> list[Path]:
        """Return the pictures of a split, by name."""
        folder = self.folder / "images" / split
        return sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURES)

    def label_file(self, picture: Path) -> Path:
        """Return where the labels of a picture stand; the file is empty for a picture without objects."""
        return self.folder / "labels" / picture.parent.name / f"{picture.stem}.txt"

    def orphans(self, split: str) -> list[Path]:
        """Return the label files of a split that have no picture, by name."""
        stems = {picture.stem for picture in self.pictures(split)}
        return sorted(path for path in (self.folder / "labels" / split).glob("*.txt") if path.stem not in stems)

    def twins(self, split: str) -> list[tuple[Path, ...]]:
        """Return pictures of a split that differ by their suffix alone, and so would share a label file."""
        by_stem: dict[str, list[Path]] = {}
        for picture in self.pictures(split):
            by_stem.setdefault(picture.stem, []).append(picture)
        return [tuple(same) for same in by_stem.values() if len(same) > 1]


def open_set(folder: Path) -> DetectionSet:
    """Open a set.

    Labels without a picture and pictures without labels are logged, not refused: a training may leave them out.

    Raises:
        EdgekitError: `dataset.json` is missing or not valid, no split holds a picture, or two pictures share labels.
    """
    opened = DetectionSet(folder, read_description(folder))
    if not any(opened.pictures(split) for split in ALL_SPLITS):
        raise EdgekitError(f"{folder} holds no picture below images/train, images/val or images/test")
    for split in ALL_SPLITS:
        for twins in opened.twins(split):
            names = " and ".join(path.name for path in twins)
            raise EdgekitError(f"{twins[0].parent}: {names} would share one label file: rename one of them")
    orphans = sum(len(opened.orphans(split)) for split in ALL_SPLITS)
    bare = 0 if not opened.description.labelled else _bare(opened)  # a set may say that it labels nothing
    if orphans or bare:
        _LOG.warning(
            "%s: %d label files without a picture, %d pictures without a label file: see `edgekit data check`",
            folder,
            orphans,
            bare,
        )
    return opened


def _bare(opened: DetectionSet) -> int:
    return sum(not opened.label_file(path).is_file() for split in ALL_SPLITS for path in opened.pictures(split))


def read_description(folder: Path) -> SetDescription:
    """Read what a set says of itself, without a look at its files.

    Raises:
        EdgekitError: `dataset.json` is missing or not valid.
    """
    path = folder / DESCRIPTION
    remedy = "name the folder of a set in the kit's form, as `edgekit data get` writes it"
    description = read_json(path, SetDescription, "detection set", remedy)
    unknown = set(description.labelled) - set(description.classes)
    if unknown:
        raise EdgekitError(f"{path}: labelled names classes that are not in classes: {', '.join(sorted(unknown))}")
    return description

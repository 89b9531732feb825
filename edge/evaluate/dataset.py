"""Detection sets on disk: which classes a set labels, under which licence, and what its bytes are.

A set is a folder with `dataset.json`, `images/{train,val}` and `labels/{train,val}` in YOLO's layout. Sets may label
different classes of the same list; `labelled` says which, so that what a set leaves unlabelled never counts as absent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from devices.errors import EdgekitError
from edge.model.manifest import Sha256
from edge.validation import read_json

DESCRIPTION = "dataset.json"
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
SPLITS = ("train", "val")


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
        """Return where the labels of a picture stand; the file is missing for a picture without objects."""
        return self.folder / "labels" / picture.parent.name / f"{picture.stem}.txt"


def open_set(folder: Path) -> DetectionSet:
    """Open a set.

    Raises:
        EdgekitError: `dataset.json` is missing or not valid, or no split holds a picture.
    """
    path = folder / DESCRIPTION
    remedy = "name the folder of a set in the kit's form, as `edgekit data get` writes it"
    description = read_json(path, SetDescription, "detection set", remedy)
    unknown = set(description.labelled) - set(description.classes)
    if unknown:
        raise EdgekitError(f"{path}: labelled names classes that are not in classes: {', '.join(sorted(unknown))}")
    opened = DetectionSet(folder, description)
    if not any(opened.pictures(split) for split in SPLITS):
        raise EdgekitError(f"{folder} holds no picture below images/train or images/val")
    return opened


def label_rows(path: Path, classes: int) -> Iterator[tuple[int, tuple[float, float, float, float]]]:
    """Read a YOLO label file.

    Args:
        path: The file; a missing one holds no rows.
        classes: Number of classes, the bound of an id.

    Yields:
        Class id and (centre x, centre y, width, height) as shares of the picture.

    Raises:
        EdgekitError: The file is no text, a row has not five numbers, its class does not exist, or the middle or size
            of its box is outside 0 to 1.
    """
    if not path.exists():
        return
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise EdgekitError(f"{path} cannot be read as labels: {exc}") from exc
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        where = f"{path}, line {number}"
        try:
            class_id, *box = row.split()
            x, y, width, height = (float(value) for value in box)
        except ValueError as exc:
            raise EdgekitError(f"{where}: a label is `class x y width height`, not {row!r}") from exc
        if not class_id.isdecimal() or int(class_id) >= classes:
            raise EdgekitError(f"{where}: class {class_id} does not exist, the set has classes 0 to {classes - 1}")
        if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < width <= 1 and 0 < height <= 1):
            raise EdgekitError(f"{where}: a box is given in shares of the picture, 0 to 1, not {row!r}")
        yield int(class_id), (x, y, width, height)

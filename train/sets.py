"""Detection sets on disk: which classes a set labels, under which licence, and what its bytes are.

A set is a folder with `dataset.json`, `images/{train,val}` and `labels/{train,val}` in YOLO's layout. Sets may label
different classes of the same list; `labelled` says which, so that what a set leaves unlabelled never counts as absent.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from devices.errors import EdgekitError
from edge.validation import explain

CLASSES = ("carton", "barcode", "qr")
DESCRIPTION = "dataset.json"
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
SPLITS = ("train", "val")


class SetDescription(BaseModel):
    """`dataset.json`: what a set is, where it comes from, and what it labels."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.dataset/1"] = Field(default="edgekit.dataset/1", alias="schema")
    name: str
    licence: str = Field(description="SPDX expression, or `unstated`")
    source: str
    classes: tuple[str, ...] = Field(description="all classes, in the order of their ids in the labels")
    labelled: tuple[str, ...] = Field(description="those of them that this set labels wherever they stand")
    pictures: int
    digest: str = Field(description="sha256 over names and contents of all pictures and labels")


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


@dataclass(frozen=True, slots=True)
class KnownSet:
    """A public set that `data get` can bring into the kit's form.

    Attributes:
        folder: Its folder where the data lies.
        licence: Of the pictures that are taken.
        source: Where they come from.
        class_names: The kit's class by the set's own class id.
        prefixes: Only pictures whose names begin so; empty for all.
    """

    folder: str
    licence: str
    source: str
    class_names: Mapping[int, str]
    prefixes: tuple[str, ...] = ()


KNOWN: Mapping[str, KnownSet] = MappingProxyType(
    {
        "warehouse-boxes": KnownSet(
            "warehouse-boxes",
            "CC-BY-4.0",
            "Roboflow Universe box-fh0kz/boxes-ou3c2, through qadeersan/ML-Pallet-Box-Counter",
            MappingProxyType({0: "carton"}),
        ),
        "barcode-qr": KnownSet(
            "barcode-qr",
            "CC-BY-3.0 AND LicenseRef-unstated",
            "ArTe-Lab 1D and QR pictures, through WalidAlsafadi/BarCode-Detection-Decoding",
            MappingProxyType({0: "barcode", 1: "qr"}),
        ),
        "arte-lab-1d": KnownSet(
            "barcode-qr",
            "CC-BY-3.0",
            "ArTe-Lab 1D, through WalidAlsafadi/BarCode-Detection-Decoding",
            MappingProxyType({0: "barcode", 1: "qr"}),
            ("0510", "Foto", "PI"),
        ),
    }
)


def open_set(folder: Path) -> DetectionSet:
    """Open a set and check that it has pictures and a label for every label file.

    Raises:
        EdgekitError: `dataset.json` is missing or not valid, or the training split holds no picture.
    """
    path = folder / DESCRIPTION
    try:
        description = SetDescription.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise EdgekitError(f"{folder} is no detection set: {path.name} cannot be read ({exc.strerror})") from exc
    except ValidationError as exc:
        raise EdgekitError(f"{path}: {explain(exc, SetDescription)}") from exc
    unknown = set(description.labelled) - set(description.classes)
    if unknown:
        raise EdgekitError(f"{path}: labelled names classes that are not in classes: {', '.join(sorted(unknown))}")
    opened = DetectionSet(folder, description)
    if not any(opened.pictures(split) for split in SPLITS):
        raise EdgekitError(f"{folder} holds no picture below images/train or images/val")
    return opened


def get_known(name: str, data: Path, out: Path) -> DetectionSet:
    """Copy a known public set into the kit's form.

    Args:
        name: One of `KNOWN`.
        data: The folder that holds the set's folder.
        out: The new set's folder; must not exist.

    Raises:
        EdgekitError: The name is unknown, the set is not there, a label is not valid, or `out` exists.
    """
    known = KNOWN.get(name)
    if known is None:
        raise EdgekitError(f"there is no known set {name!r}: choose from {', '.join(KNOWN)}")
    origin = data / known.folder
    if not (origin / "images").is_dir():
        raise EdgekitError(f"{origin} does not hold the set {name}: give the folder above it with --from")
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    count = sum(_copy_split(known, origin, partial, split) for split in SPLITS)
    if count == 0:
        raise EdgekitError(f"{origin} holds no picture of the set {name}")
    taken = tuple(name for name in CLASSES if name in known.class_names.values())
    describe(partial, name=name, licence=known.licence, source=known.source, labelled=taken)
    partial.rename(out)
    return open_set(out)


def describe(folder: Path, *, name: str, licence: str, source: str, labelled: tuple[str, ...]) -> None:
    """Write `dataset.json` for the pictures and labels that lie in a folder."""
    pictures = sum(path.suffix.lower() in PICTURES for path in (folder / "images").rglob("*"))
    description = SetDescription(
        name=name,
        licence=licence,
        source=source,
        classes=CLASSES,
        labelled=labelled,
        pictures=pictures,
        digest=digest_of(folder),
    )
    (folder / DESCRIPTION).write_text(description.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")


def digest_of(folder: Path) -> str:
    """Return sha256 over the names and contents of all pictures and labels of a set, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(path for part in ("images", "labels") for path in (folder / part).rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return total.hexdigest()


def label_rows(path: Path, classes: int) -> Iterator[tuple[int, tuple[float, float, float, float]]]:
    """Read a YOLO label file.

    Args:
        path: The file; a missing one holds no rows.
        classes: Number of classes, the bound of an id.

    Yields:
        Class id and (centre x, centre y, width, height) as shares of the picture.

    Raises:
        EdgekitError: A row has not five numbers, its class does not exist, or its box is outside the picture.
    """
    if not path.exists():
        return
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
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


def _copy_split(known: KnownSet, origin: Path, out: Path, split: str) -> int:
    """Copy the pictures of a split and rewrite their labels; return how many."""
    pictures = [path for path in sorted((origin / "images" / split).glob("*")) if path.suffix.lower() in PICTURES]
    if known.prefixes:
        pictures = [path for path in pictures if path.name.startswith(known.prefixes)]
    (out / "images" / split).mkdir(parents=True)
    (out / "labels" / split).mkdir(parents=True)
    for picture in pictures:
        rows = label_rows(origin / "labels" / split / f"{picture.stem}.txt", max(known.class_names) + 1)
        lines = [
            f"{CLASSES.index(known.class_names[class_id])} {' '.join(f'{value:.6f}' for value in box)}\n"
            for class_id, box in rows
        ]
        shutil.copyfile(picture, out / "images" / split / picture.name)
        (out / "labels" / split / f"{picture.stem}.txt").write_text("".join(lines), encoding="utf-8")
    return len(pictures)

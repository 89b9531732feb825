"""Tagged sets on disk: pictures with one or more tags each, for classifiers.

A set is a folder with `tags.json` (what it is, its attributes and their values), `tags.csv` and `images/`. Each row of
`tags.csv` is a picture: its path below `images/`, its part (train, val or test), its group (pictures that must stay on
one side of any division: a camera, a shelf, a series of shots; may be empty), and a column for each learnt attribute.
Several values of an attribute are parted by `|`. Attributes that follow from others have no column.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from devices.errors import EdgekitError
from devices.validation import read_json
from edge.evaluate.dataset import ALL_SPLITS
from edge.model.manifest import Sha256
from edge.model.taxonomy import Attribute, Taxonomy

TAGS_RECORD = "tags.json"
TAGS_TABLE = "tags.csv"
IMAGES = "images"
_FIXED_COLUMNS = ("picture", "part", "group")
_REMEDY = "name the folder of a tagged set, as `edgekit data get grocery-store` or `edgekit data import` writes it"


class TaggedSetDescription(BaseModel):
    """`tags.json`: what a set is, where it comes from, and what its pictures are tagged with."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.tagged-set/1"] = Field(default="edgekit.tagged-set/1", alias="schema")
    name: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$",
        description="letters, digits, - _ and ., since it names a folder",
    )
    licence: str = Field(description="SPDX expression, or `unstated`")
    source: str
    taxonomy: Taxonomy
    pictures: PositiveInt
    digest: Sha256 = Field(description="over the table, and names and contents of all pictures")


@dataclass(frozen=True, slots=True)
class TaggedPicture:
    """A picture and its tags.

    Attributes:
        path: The file.
        part: `train`, `val` or `test`.
        group: What must stay together when the set is divided; empty where nothing is known.
        tags: Indices of its values by learnt attribute, in the taxonomy's order; one where the attribute has one value.
    """

    path: Path
    part: str
    group: str
    tags: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class TaggedSet:
    """A set that was opened: its folder, its description and its pictures by path."""

    folder: Path
    description: TaggedSetDescription
    pictures: tuple[TaggedPicture, ...]

    def part(self, name: str) -> tuple[TaggedPicture, ...]:
        """Return the pictures of a part."""
        return tuple(picture for picture in self.pictures if picture.part == name)


def open_tagged_set(folder: Path) -> TaggedSet:
    """Open a tagged set.

    Raises:
        EdgekitError: `tags.json` or `tags.csv` is missing or not valid; the row that is wrong is named.
    """
    description = read_json(folder / TAGS_RECORD, TaggedSetDescription, "tagged set", _REMEDY)
    pictures = tuple(_rows(folder, description.taxonomy.learnt))
    if not pictures:
        raise EdgekitError(f"{folder / TAGS_TABLE} names no picture: a set needs some")
    seen: set[Path] = set()
    for picture in pictures:
        if picture.path in seen:
            raise EdgekitError(f"{folder / TAGS_TABLE} names {picture.path.name} twice: give each picture one row")
        seen.add(picture.path)
    return TaggedSet(folder, description, tuple(sorted(pictures, key=lambda picture: picture.path)))


def write_table(path: Path, learnt: tuple[Attribute, ...], pictures: list[TaggedPicture], images: Path) -> None:
    """Write `tags.csv`.

    Args:
        path: The file.
        learnt: The learnt attributes, in the order of the pictures' tags.
        pictures: The rows, written in the order of their paths.
        images: The folder that their paths are told below.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_FIXED_COLUMNS, *(attribute.name for attribute in learnt)])
        for picture in sorted(pictures, key=lambda picture: picture.path):
            values = [
                "|".join(attribute.values[index] for index in indices)
                for attribute, indices in zip(learnt, picture.tags, strict=True)
            ]
            writer.writerow([picture.path.relative_to(images).as_posix(), picture.part, picture.group, *values])


def _rows(folder: Path, learnt: tuple[Attribute, ...]) -> Iterator[TaggedPicture]:
    path = folder / TAGS_TABLE
    expected = [*_FIXED_COLUMNS, *(attribute.name for attribute in learnt)]
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if header != expected:
                raise EdgekitError(f"{path} begins with {','.join(header)!r}, not with {','.join(expected)!r}")
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if len(row) != len(expected):
                    raise EdgekitError(f"{where}: {len(row)} cells instead of {len(expected)}")
                yield _parse_row(row, folder, learnt, where)
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise EdgekitError(f"{path} cannot be read as a table of tags: {exc}") from exc


def _parse_row(row: list[str], folder: Path, learnt: tuple[Attribute, ...], where: str) -> TaggedPicture:
    name, part, group, *cells = row
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts or "\\" in name or not inside.name:
        raise EdgekitError(f"{where}: {name!r} is no path below {IMAGES}/")
    if part not in ALL_SPLITS:
        raise EdgekitError(f"{where}: part {part!r} is none of {', '.join(ALL_SPLITS)}")
    tags = tuple(
        _indices(cell, attribute, f"{where}: {attribute.name}") for cell, attribute in zip(cells, learnt, strict=True)
    )
    return TaggedPicture(folder / IMAGES / inside, part, group, tags)


def _indices(cell: str, attribute: Attribute, where: str) -> tuple[int, ...]:
    values = [value for value in cell.split("|") if value]
    for value in values:
        if value not in attribute.values:
            raise EdgekitError(f"{where} has no value {value!r}: add it to {TAGS_RECORD}, or mend the table")
    if len(set(values)) != len(values) or (not attribute.multiple and len(values) != 1):
        asked = "each value once" if attribute.multiple else "one value"
        raise EdgekitError(f"{where} needs {asked}, not {cell!r}")
    return tuple(sorted(attribute.values.index(value) for value in values))

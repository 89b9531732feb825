"""Brings tagged pictures of others into the kit's form: folders named after what they hold, or a table."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from devices.errors import EdgekitError
from devices.validation import checked
from edge.evaluate.dataset import ALL_SPLITS, PICTURES
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.picture import read_picture
from edge.model.taxonomy import LEAST_VALUES, Attribute, Taxonomy
from train.classifier.folds import assign_parts
from train.importing.bring import Origin
from train.tagged_sets import write_tagged_set

_PARTS = (("train", 0.7), ("val", 0.15), ("test", 0.15))  # where a source says nothing of parts
_LEVELS = ("category", "product")
_RESERVED = ("picture", "part", "group")


@dataclass(frozen=True, slots=True)
class _Row:
    """A picture with its tags as texts, before anybody knows all values."""

    path: Path
    part: str
    group: str
    tags: Mapping[str, tuple[str, ...]]


def import_folders(source: Path, out: Path, origin: Origin, *, skip_bad: bool = False) -> tuple[TaggedSet, list[str]]:
    """Import pictures in folders: `PRODUCT/picture`, or `CATEGORY/PRODUCT/picture`.

    The parts `train`, `val` and `test` may lie above. Without them, pictures that look alike are kept together, and 70,
    15 and 15 % of all become train, val and test.

    Args:
        source: The folder.
        out: The new set's folder.
        origin: Who made the pictures.
        skip_bad: Leave out pictures that cannot be read.

    Returns:
        The set, and what was left out, with the reason.

    Raises:
        EdgekitError: The folder holds no such layout, or a picture cannot be read.
    """
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in PICTURES)
    if not paths:
        raise EdgekitError(f"{source} holds no picture: name a folder whose folders are named after what they hold")
    placed = [path.relative_to(source).parts[:-1] for path in paths]
    with_parts = all(parts and parts[0] in ALL_SPLITS for parts in placed)
    rows: list[_Row] = []
    for path, parts in zip(paths, placed, strict=True):
        names = parts[1:] if with_parts else parts
        if not 1 <= len(names) <= len(_LEVELS):
            raise EdgekitError(
                f"{path} lies in {len(names)} folders below {source}: one or two are its product and category"
            )
        tags = {name: (value,) for name, value in zip(_LEVELS[-len(names) :], names, strict=True)}
        rows.append(_Row(path, parts[0] if with_parts else "", "", tags))
    depths = {len(row.tags) for row in rows}
    if len(depths) > 1:
        raise EdgekitError(
            f"{source}: some pictures lie in one folder and others in two: give all of them a category, or none"
        )
    implied = {"category": "product"} if depths == {len(_LEVELS)} else {}
    return _write(rows, source, out, origin, implied, skip_bad=skip_bad)


def import_table(
    table: Path, out: Path, origin: Origin, *, implied: Mapping[str, str], skip_bad: bool = False
) -> tuple[TaggedSet, list[str]]:
    """Import a CSV table: a column `picture` (a path below the table's folder), others named after attributes.

    Columns `part` and `group` may be given. A cell holds one value, or several parted by `|`; an attribute of which any
    cell holds several or none has several values.

    Args:
        table: The file.
        out: The new set's folder.
        origin: Who made the pictures.
        implied: The attribute that each of these follows from, by name.
        skip_bad: Leave out pictures that cannot be read.

    Returns:
        The set, and what was left out, with the reason.

    Raises:
        EdgekitError: The table is not valid, what should follow does not, or a picture cannot be read.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = list(reader.fieldnames or ())
            lines = [(reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise EdgekitError(f"{table} cannot be read as a table: {exc}") from exc
    attributes = [column for column in columns if column not in _RESERVED]
    if "picture" not in columns or not attributes or len(set(columns)) != len(columns):
        raise EdgekitError(f"{table} needs a column `picture` and one for each attribute, each once; it has {columns}")
    rows: list[_Row] = []
    for number, line in lines:
        where = f"{table}, line {number}"
        if None in line or None in line.values():
            raise EdgekitError(f"{where}: the row has not as many cells as the header")
        inside = PurePosixPath(line["picture"])
        if inside.is_absolute() or ".." in inside.parts or not inside.name:
            raise EdgekitError(f"{where}: {line['picture']!r} is no path below {table.parent}")
        if line.get("part", "") not in ("", *ALL_SPLITS):
            raise EdgekitError(f"{where}: part {line['part']!r} is none of {', '.join(ALL_SPLITS)}")
        tags = {name: tuple(value for value in line[name].split("|") if value) for name in attributes}
        rows.append(_Row(table.parent / inside, line.get("part", ""), line.get("group", ""), tags))
    if not rows:
        raise EdgekitError(f"{table} names no picture")
    return _write(rows, table.parent, out, origin, implied, skip_bad=skip_bad)


def _write(
    rows: Sequence[_Row], base: Path, out: Path, origin: Origin, implied: Mapping[str, str], *, skip_bad: bool
) -> tuple[TaggedSet, list[str]]:
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    skipped: list[str] = []
    kept: list[_Row] = []
    for row in rows:
        try:
            read_picture(row.path)
            kept.append(row)
        except EdgekitError as exc:
            if not skip_bad:
                raise EdgekitError(f"{exc}; mend it, or leave such pictures out with --skip-bad") from exc
            skipped.append(str(exc))
    taxonomy = _taxonomy(kept, implied)
    learnt = taxonomy.learnt
    pictures = [
        TaggedPicture(
            row.path,
            row.part or "train",
            row.group,
            tuple(
                tuple(sorted(attribute.values.index(value) for value in row.tags[attribute.name]))
                for attribute in learnt
            ),
        )
        for row in kept
    ]
    if not any(row.part for row in kept):
        pictures = _with_parts(pictures)
    described = write_tagged_set(
        out,
        name=origin.name,
        licence=origin.licence,
        source=origin.source,
        taxonomy=taxonomy,
        pictures=pictures,
        origin=base,
    )
    return described, skipped


def _taxonomy(rows: Sequence[_Row], implied: Mapping[str, str]) -> Taxonomy:
    names = list(rows[0].tags) if rows else []
    for name, source in implied.items():
        if name not in names or source not in names or source in implied:
            raise EdgekitError(
                f"{name} cannot follow from {source}: the attributes that are learnt are {', '.join(names)}"
            )
    learnt: list[Attribute] = []
    for name in names:
        values = tuple(sorted({value for row in rows for value in row.tags[name]}))
        if len(values) < LEAST_VALUES:
            raise EdgekitError(f"{name} has {len(values)} values: there is nothing to tell apart")
        if name not in implied:
            several = any(len(row.tags[name]) != 1 for row in rows)
            learnt.append(checked(Attribute, name=name, values=values, multiple=several))
    following = [_following(rows, name, next(one for one in learnt if one.name == implied[name])) for name in implied]
    return checked(Taxonomy, attributes=(*learnt, *following))


def _following(rows: Sequence[_Row], name: str, source: Attribute) -> Attribute:
    """Return an attribute that follows from another, after checking that it does.

    Raises:
        EdgekitError: One value of the source stands beside two of this one.
    """
    seen: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for value in row.tags[source.name]:
            seen[value] |= set(row.tags[name])
    for value, found in sorted(seen.items()):
        if len(found) != 1:
            raise EdgekitError(
                f"{name} does not follow from {source.name}: {value} is beside {', '.join(sorted(found)) or 'none'}"
            )
    values = tuple(sorted({value for found in seen.values() for value in found}))
    follows = tuple(values.index(next(iter(seen[value]))) for value in source.values)
    return checked(Attribute, name=name, values=values, implied_by=source.name, follows=follows)


def _with_parts(pictures: Sequence[TaggedPicture]) -> list[TaggedPicture]:
    """Divide pictures into train, val and test, those that are alike together."""
    parts = assign_parts(pictures, [share for _, share in _PARTS], seed=0)
    return [replace(picture, part=_PARTS[part][0]) for picture, part in zip(pictures, parts, strict=True)]

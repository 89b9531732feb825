"""An archive of pictures looked at in parts: what is done stays done, whoever is killed, and nothing is done twice.

Each part of a folder holds the lines of a fixed span of the sorted pictures and has its span for a name. It appears
whole or not at all, so the parts that lie there say what is left; one process alone writes them.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from devices.errors import EdgekitError
from edge.durable import write_whole
from edge.mqtt.wire import WireModel
from edge.predict.pictures import PictureFile

ORDER = "order.json"
SCRATCH = ".ray-"
_LOCK = ".lock"
_PART = re.compile(r"part-(\d{9})-(\d{9})\.jsonl")


class Order(WireModel):
    """What is asked of an archive: parts of two orders never lie in one folder."""

    schema_id: Literal["edgekit.archive-order/1"] = Field(
        default="edgekit.archive-order/1", validation_alias="schema", serialization_alias="schema"
    )
    pictures: int = Field(ge=1)
    pictures_sha256: str = Field(description="of their sorted paths, each with a zero byte after it")
    per_part: int = Field(ge=1)
    detector: str | None = Field(description="digest of its bundle")
    classifier: str | None = Field(description="digest of its bundle")
    score: float | None
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Pictures `first` to `last` of the sorted list, both in it."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """Of its part's file; names sort as spans do."""
        return f"part-{self.first:09d}-{self.last:09d}.jsonl"

    def __len__(self) -> int:
        """Return how many pictures it has."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Tally:
    """How many pictures have their line, and of how many it says only why they could not be read."""

    pictures: int = 0
    unread: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Return both together."""
        return Tally(self.pictures + other.pictures, self.unread + other.unread)


def sorted_paths(files: Sequence[PictureFile]) -> list[str]:
    """Return each picture's absolute path once, in an order that does not depend on how they were named, or where."""
    return sorted({str(file.path.absolute()) for file in files})


def digest_of(paths: Sequence[str]) -> str:
    """Return the SHA-256 that `Order` keeps of sorted paths."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.fsencode(path) + b"\0")
    return digest.hexdigest()


def spans_of(pictures: int, per_part: int) -> list[Span]:
    """Return the spans that a list is cut into: together all of it, no picture in two."""
    return [Span(first, min(first + per_part, pictures) - 1) for first in range(0, pictures, per_part)]


def tally_of(lines: bytes) -> Tally:
    """Return what the lines of a part come to.

    Raises:
        ValueError: A line is no JSON object of ours.
    """
    schemas = [json.loads(line)["schema"] for line in lines.splitlines()]
    return Tally(len(schemas), sum(schema.startswith("edgekit.unread-picture/") for schema in schemas))


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder of parts that this process alone may write into.

    Attributes:
        folder: Holds the order and the parts.
        order: What was asked, now and whenever it was begun.
    """

    folder: Path
    order: Order

    def missing(self) -> tuple[list[Span], Tally]:
        """Return the spans without a part, in order, and what the parts that lie there come to.

        Raises:
            EdgekitError: A part is not what was written.
        """
        spans = spans_of(self.order.pictures, self.order.per_part)
        there = {one.name for one in self.folder.iterdir() if _PART.fullmatch(one.name)}
        foreign = there - {one.name for one in spans}
        if foreign:
            raise EdgekitError(f"{self.folder / min(foreign)} is no part of this order: remove it")
        done = Tally()
        for span in spans:
            if span.name in there:
                done += self._read(span)
        return [one for one in spans if one.name not in there], done

    def keep(self, span: Span, lines: bytes) -> Tally:
        """Write a span's part; it is on disk when this returns.

        Raises:
            OSError: The disk does not take it.
            EdgekitError: There are more or fewer lines than pictures.
        """
        tally = tally_of(lines)
        if tally.pictures != len(span):
            raise EdgekitError(f"{tally.pictures} lines for the {len(span)} pictures of {span.name}")
        write_whole(self.folder / span.name, lines)
        return tally

    def _read(self, span: Span) -> Tally:
        path = self.folder / span.name
        try:
            tally = tally_of(path.read_bytes())
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise EdgekitError(f"{path} was changed since it was written: remove it, and it is made anew") from exc
        if tally.pictures != len(span):
            raise EdgekitError(
                f"{path} has {tally.pictures} lines for {len(span)} pictures: remove it, and it is made anew"
            )
        return tally


@contextmanager
def open_archive(folder: Path, order: Order) -> Generator[Archive, None, None]:
    """Begin an archive in a folder that is new or empty, or go on with one that was begun with the same order.

    Raises:
        EdgekitError: Another process works on it, it holds something else or parts of another order, or the disk fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / ORDER).exists() and any(one.name != _LOCK for one in folder.iterdir()):
            raise EdgekitError(f"{folder} holds something that is no archive of predictions: choose another folder")
        with (folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise EdgekitError(f"another edgekit predict writes into {folder}: wait for it, or end it") from exc
            for left in folder.glob(f"{SCRATCH}*"):  # of one that was killed
                shutil.rmtree(left, ignore_errors=True)
            _agree(folder / ORDER, order)
            yield Archive(folder, order)
    except OSError as exc:
        raise EdgekitError(f"cannot write {folder}: {exc.filename or ''} {exc.strerror or exc}") from exc


def _agree(path: Path, order: Order) -> None:
    if not path.exists():
        write_whole(path, order.to_json().encode() + b"\n")
        return
    try:
        begun = Order.model_validate_json(path.read_bytes())
    except ValidationError as exc:
        raise EdgekitError(f"{path} is not what edgekit predict wrote: choose another folder") from exc
    named = [name for name in Order.model_fields if getattr(begun, name) != getattr(order, name)]
    if named:
        told = ", ".join(f"{name} {getattr(begun, name)}, now {getattr(order, name)}" for name in named)
        raise EdgekitError(f"{path.parent} was begun with other {told}: ask for the same, or choose another folder")

"""What a parser of another tool's labels finds, in one form; and the faults that keep a picture out."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from devices.errors import EdgekitError

Point = tuple[float, float]
SPLIT_OF = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One labelled object; numbers are shares of the picture, or its pixels where its `FoundPicture` says so.

    Attributes:
        name: Of its class.
        corners: Outline of three corners or more, or two opposite corners of an upright box.
    """

    name: str
    corners: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A picture as another tool has labelled it.

    Attributes:
        path: The picture's file; known to lie in the folder of pictures.
        where: What tells of it, for messages.
        objects: None where nobody labelled the picture; empty where somebody said that it shows nothing.
        split: `train`, `val` or `test`.
        size_px: Width and height that the tool believes it has; None where it does not say.
        in_pixels: Whether corners are pixels rather than shares.
    """

    path: Path
    where: str
    objects: tuple[FoundObject, ...] | None
    split: str = "train"
    size_px: tuple[float, float] | None = None
    in_pixels: bool = False


@dataclass(slots=True)
class Findings:
    """All that a parser found, in the order of the source.

    Attributes:
        classes: Names in the order of their ids; what the source declares, or the names seen, sorted.
        pictures: That can be used.
        faults: One line for each picture that cannot.
    """

    classes: tuple[str, ...] = ()
    pictures: list[FoundPicture] = field(default_factory=list[FoundPicture])
    faults: list[str] = field(default_factory=list[str])

    def attempt(self, read: Callable[[], FoundPicture | None]) -> None:
        """Keep a picture, or the fault that it has."""
        try:
            picture = read()
        except EdgekitError as exc:
            self.faults.append(str(exc))
            return
        if picture is not None:
            self.pictures.append(picture)

    def names_seen(self) -> tuple[str, ...]:
        """Return the class names that objects carry, sorted."""
        return tuple(sorted({found.name for picture in self.pictures for found in picture.objects or ()}))


def picture_below(folder: Path, name: str, where: str) -> Path:
    """Return the picture of a name that a label file gives; it never lies outside the folder of pictures.

    Raises:
        EdgekitError: The name leads out of the folder, or there is no such file.
    """
    relative = PurePosixPath(name.replace("\\", "/"))
    if relative.is_absolute() or ".." in relative.parts or not name or "\0" in name:
        raise EdgekitError(f"{where}: {name!r} is no name of a picture below {folder}")
    path = folder / relative
    try:
        there = path.is_file()
    except OSError:  # a name that no file can have, because of its length for one
        there = False
    if not there:
        raise EdgekitError(f"{where}: there is no picture {path}: name the folder of pictures with --images")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise EdgekitError(f"{where}: {path} is a link out of {folder}")
    return path


def number(text: object, where: str) -> float:
    """Return a finite number.

    Raises:
        EdgekitError: It is none.
    """
    try:
        value = float(str(text))
    except ValueError as exc:
        raise EdgekitError(f"{where}: {str(text)[:40]!r} is no number") from exc
    if not math.isfinite(value):
        raise EdgekitError(f"{where}: {str(text)[:40]!r} is no number that can be used")
    return value

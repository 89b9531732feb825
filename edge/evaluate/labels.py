"""Label files as YOLO writes them, boxes and outlines: a fault is named with its file and line."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError

Box = tuple[float, float, float, float]
TOLERANCE = 0.005  # of the picture's side: tools round, and so draw boxes a hair over the edge


@dataclass(frozen=True, slots=True)
class Label:
    """One object in a picture.

    Attributes:
        class_id: Index in the set's classes.
        cxcywh: Its box: middle, width and height as shares of the picture.
        polygon: Its outline, corners (x, y) as shares of the picture; None where only the box is known.
    """

    class_id: int
    cxcywh: Box
    polygon: tuple[tuple[float, float], ...] | None = None


def label_rows(path: Path, classes: int) -> Iterator[tuple[int, Box]]:
    """Read a label file and yield class id and (centre x, centre y, width, height); see `read_labels`."""
    for label in read_labels(path, classes):
        yield label.class_id, label.cxcywh


def read_labels(path: Path, classes: int) -> Iterator[Label]:
    """Read a YOLO label file: rows `class x y width height`, or `class x1 y1 x2 y2 x3 y3 ...` for outlines.

    Args:
        path: The file; an empty one declares its picture background.
        classes: Number of classes, the bound of an id.

    Raises:
        EdgekitError: The file is missing or no text, or a row is not valid (see `parse_label`).
    """
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as exc:
        raise EdgekitError(f"{path} is missing: label the picture, or declare it background by an empty file") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise EdgekitError(f"{path} cannot be read as labels: {exc}") from exc
    for number, row in enumerate(rows, start=1):
        if row.strip():
            yield parse_label(row, classes, f"{path}, line {number}")


def parse_label(row: str, classes: int, where: str) -> Label:
    """Read one row.

    Raises:
        EdgekitError: It has neither four numbers nor three or more corners, its class does not exist, or its box is
            empty or reaches out of the picture.
    """
    try:
        class_id, *texts = row.split()
        numbers = [float(text) for text in texts]
    except ValueError as exc:
        raise EdgekitError(f"{where}: a label is `class x y width height`, not {row!r}") from exc
    if len(numbers) != 4 and (len(numbers) < 6 or len(numbers) % 2):  # noqa: PLR2004 - a box, or three corners at least
        raise EdgekitError(f"{where}: a label is `class x y width height`, or three corners or more: {row!r}")
    if not (class_id.isascii() and class_id.isdecimal()) or int(class_id) >= classes:
        raise EdgekitError(f"{where}: class {class_id} does not exist, the set has classes 0 to {classes - 1}")
    polygon = None if len(numbers) == 4 else tuple(zip(numbers[::2], numbers[1::2], strict=True))  # noqa: PLR2004
    x, y, width, height = _around(polygon) if polygon else numbers
    edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if not (
        all(map(math.isfinite, numbers))
        and width > 0
        and height > 0
        and all(-TOLERANCE <= edge <= 1 + TOLERANCE for edge in edges)
    ):
        raise EdgekitError(f"{where}: a box is given in shares of the picture, 0 to 1, with a size, not {row!r}")
    return Label(int(class_id), (x, y, width, height), polygon)


def _around(polygon: tuple[tuple[float, float], ...]) -> Box:
    """Return the box around an outline."""
    xs, ys = zip(*polygon, strict=True)
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top

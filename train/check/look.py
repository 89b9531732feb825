"""One look at each picture and its labels: all that the checks need, so that no file is read twice."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.evaluate.dataset import ALL_SPLITS, DetectionSet
from edge.evaluate.labels import Label, parse_label
from edge.model.picture import decode_picture
from train.check.cutouts import CutOut, cut_out
from train.check.light import Light, light_of
from train.check.likeness import thumbnails
from train.check.scenes import Points, colours, find_points


@dataclass(frozen=True, slots=True)
class View:
    """What of a picture that can be read the checks go by.

    Attributes:
        width: Pixels.
        height: Pixels.
        light: Its grey levels.
        thumbs: See `likeness.thumbnails`.
        colours: See `scenes.colours`.
        points: See `scenes.find_points`.
        cutouts: One a label, in their order.
    """

    width: int
    height: int
    light: Light
    thumbs: NDArray[np.float32]
    colours: NDArray[np.float32]
    points: Points
    cutouts: tuple[CutOut, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A picture of a set, and its labels.

    Attributes:
        path: The file.
        name: The same below the set's folder.
        split: The part that it is in.
        view: What it shows; None where it cannot be read.
        fault: Why not.
        labels: The valid rows of its label file; None where there is no such file.
        label_faults: What is wrong with the others, each with its line.
    """

    path: Path
    name: str
    split: str
    view: View | None
    fault: str
    labels: tuple[Label, ...] | None
    label_faults: tuple[str, ...]


def look_at_all(opened: DetectionSet, advance: Callable[[], None] = lambda: None) -> list[Look]:
    """Look at every picture of a set, split by split and by name."""
    paths = [(path, split) for split in ALL_SPLITS for path in opened.pictures(split)]

    def look(entry: tuple[Path, str]) -> Look:
        made = look_at(opened, *entry)
        advance()
        return made

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # OpenCV lets go of the interpreter
        return list(pool.map(look, paths))


def look_at(opened: DetectionSet, path: Path, split: str) -> Look:
    """Look at one picture; whatever is wrong with it is told in what is returned."""
    labels, faults = _read_labels(opened, path)
    view, fault = None, ""
    try:
        picture = read_whole(path)
        view = _view(picture, labels or ())
    except EdgekitError as exc:
        fault = str(exc)
    return Look(path, path.relative_to(opened.folder).as_posix(), split, view, fault, labels, faults)


def read_whole(path: Path) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) uint8 BGR that is there to its last byte.

    Raises:
        EdgekitError: It cannot be read, or is cut off; OpenCV shows the rest of such a picture in grey and says
            nothing.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise EdgekitError(f"{path} cannot be read: {exc.strerror}") from exc
    picture = decode_picture(content, str(path))
    # The last scan of a JPEG has to end; within one, the end mark cannot occur by chance.
    jpeg = content.startswith(b"\xff\xd8") and content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda")
    png = content.startswith(b"\x89PNG") and b"IEND" not in content[-64:]
    if jpeg or png:
        raise EdgekitError(f"{path} is cut off: its end is missing")
    return picture


def _view(picture: NDArray[np.uint8], labels: tuple[Label, ...]) -> View:
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    cutouts = tuple(cut_out(picture, label) for label in labels)
    height, width = grey.shape
    return View(width, height, light_of(grey), thumbnails(grey), colours(picture), find_points(grey), cutouts)


def _read_labels(opened: DetectionSet, path: Path) -> tuple[tuple[Label, ...] | None, tuple[str, ...]]:
    file = opened.label_file(path)
    if not file.is_file():
        return None, ()
    try:
        rows = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        return (), (f"cannot be read as text: {exc}",)
    labels: list[Label] = []
    faults: list[str] = []
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        try:
            labels.append(parse_label(row, len(opened.description.classes), f"line {number}"))
        except EdgekitError as exc:
            faults.append(str(exc))
    return tuple(labels), tuple(faults)

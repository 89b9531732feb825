"""Scores the reading of codes on photos whose text is known, beside zxing-cpp at its defaults on the same photos."""

import csv
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import zxingcpp
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from devices.errors import EdgekitError
from edge.model.picture import read_picture
from edge.tags.gtin import gtin_of
from edge.tags.photo import PhotoReader

Half = Literal["a", "b", "all"]
MANIFEST = "manifest.csv"
_COLUMNS = ("file", "format", "kind", "text")
_NEGATIVE = "negative"
# Element strings are told with or without brackets, control characters as themselves or as their pictures.
_BRACKETED = re.compile(r"^\(\d{2,4}\)")
_PICTURES = str.maketrans({"␝": None, "\x1d": None, "␞": "\x1e", "␄": "\x04", "\r": None})


@dataclass(frozen=True, slots=True)
class KnownPhoto:
    """A photo with the text of its code; no text on a photo that shows none."""

    path: Path
    symbology: str
    text: str
    negative: bool


class Tally(BaseModel):
    """What a reader made of photos: texts that are right, photos with nothing but wrong ones, and its time."""

    model_config = ConfigDict(extra="forbid")

    right: int = 0
    wrong: int = 0
    seconds: float = 0.0


class SymbologyScore(BaseModel):
    """Both readers on the photos of one symbology; `negative` are photos without a code."""

    model_config = ConfigDict(extra="forbid")

    symbology: str
    photos: int = 0
    edgekit: Tally = Tally()
    defaults: Tally = Tally()


Texts = list[tuple[str, str]]


def known_photos(folder: Path, half: Half) -> Iterator[KnownPhoto]:
    """Yield the photos that a folder's `manifest.csv` names.

    Args:
        folder: Holds the manifest and the photos.
        half: `a`, `b` or all; photos of one text are in one half.

    Raises:
        EdgekitError: The manifest is missing or lacks a column.
    """
    try:
        with (folder / MANIFEST).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as exc:
        raise EdgekitError(f"cannot read {folder / MANIFEST}: {exc.strerror}; name a folder that holds one") from exc
    missing = [name for name in _COLUMNS if not rows or name not in rows[0]]
    if missing:
        raise EdgekitError(f"{folder / MANIFEST} lacks the column {missing[0]!r}: it needs {', '.join(_COLUMNS)}")
    for row in rows:
        photo = KnownPhoto(folder / row["file"], row["format"], row["text"], row["kind"] == _NEGATIVE)
        if not photo.text and not photo.negative:
            continue  # shows a code, but nobody wrote down what it says
        in_a = hashlib.sha256(_what_it_shows(photo, row["file"]).encode()).digest()[-1] % 2 == 0
        if half == "all" or in_a == (half == "a"):
            yield photo


def _what_it_shows(photo: KnownPhoto, name: str) -> str:
    """Return the same string for all photos of one code, of whichever symbology; a negative's own name."""
    number = gtin_of(photo.text, photo.symbology)
    return (photo.text.rstrip("\r\n") if number is None else number.lstrip("0")) or name


def canonical(text: str, symbology: str) -> str:
    """Return a text in the one form in which texts are compared: product codes as GTINs, line ends as one character."""
    text = text.translate(_PICTURES).strip()
    number = gtin_of(text, symbology)
    if number is not None:
        return number
    return text.replace("(", "").replace(")", "") if _BRACKETED.match(text) else text


def score_photos(folder: Path, half: Half = "all", advance: Callable[[], None] = lambda: None) -> list[SymbologyScore]:
    """Read every photo with the kit's reader and with zxing-cpp at its defaults; return the scores by symbology.

    Raises:
        EdgekitError: The manifest or a photo cannot be read.
    """
    reader = PhotoReader(("All",))

    def ours(image: NDArray[np.uint8]) -> Texts:
        return [(found.text, found.symbology) for found in reader.read(image)]

    def defaults(image: NDArray[np.uint8]) -> Texts:
        return [(found.text, found.format.name) for found in zxingcpp.read_barcodes(image)]

    scores: dict[str, SymbologyScore] = {}
    for photo in known_photos(folder, half):
        image = read_picture(photo.path)
        name = _NEGATIVE if photo.negative else photo.symbology
        score = scores.setdefault(name, SymbologyScore(symbology=name, edgekit=Tally(), defaults=Tally()))
        score.photos += 1
        _tally(score.edgekit, ours, image, photo)
        _tally(score.defaults, defaults, image, photo)
        advance()
    if not scores:
        raise EdgekitError(f"{folder / MANIFEST} names no photo whose text is known")
    return sorted(scores.values(), key=lambda score: -score.photos)


def _tally(
    tally: Tally, read: Callable[[NDArray[np.uint8]], Texts], image: NDArray[np.uint8], photo: KnownPhoto
) -> None:
    began = time.perf_counter()
    found = read(image)
    tally.seconds += time.perf_counter() - began
    texts = {canonical(text, symbology) for text, symbology in found}
    right = not photo.negative and canonical(photo.text, photo.symbology) in texts
    tally.right += right
    tally.wrong += bool(texts) and not right

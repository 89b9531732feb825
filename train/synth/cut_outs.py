"""Cut-outs of real things, to be pasted: picture files with alpha in a folder a class, or objects of a labelled set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from devices.errors import EdgekitError
from edge.evaluate.dataset import DESCRIPTION, PICTURES, DetectionSet, open_set
from edge.evaluate.labels import Label, read_labels
from edge.model.picture import read_picture
from train.sets import digest_of_files
from train.synth.arrays import Image

_INSIDE = 127  # of 255: from here on a pixel counts as the thing's
_LEAST_PX = 12  # of a cut-out's shorter side; from less nothing can be learnt


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    """A thing cut out of its picture: (H, W, 3) uint8 BGR, and (H, W) uint8 cover, 255 where it is."""

    image: Image
    cover: Image


@dataclass(frozen=True, slots=True)
class CutOutSource:
    """Where a cut-out comes from: a picture with alpha, or a labelled object of one; read only when it is needed."""

    class_name: str
    picture: Path
    label: Label | None = None

    def cut(self) -> CutOut:
        """Read the picture and cut the thing out.

        Raises:
            EdgekitError: It cannot be read, has no alpha, or shows nothing.
        """
        if self.label is None:
            return _with_alpha(self.picture)
        return _labelled(read_picture(self.picture), self.label)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where cut-outs or scenes come from, told in the record of what is made of them."""

    name: str
    licence: str
    source: str
    digest: str
    pictures: int


@dataclass(frozen=True, slots=True)
class CutOuts:
    """All cut-outs of one origin."""

    sources: tuple[CutOutSource, ...]
    origin: Origin


def find_cut_outs(folders: Sequence[Path], classes: Sequence[str], licence: str | None) -> list[CutOuts]:
    """Find the cut-outs of labelled sets' training parts, or of folders with a folder of pictures a class.

    A set's objects are cut out along their outlines; where only boxes are known, along these, so that what a box holds
    beside its object comes along.

    Args:
        folders: Sets and plain folders.
        classes: Which are taken; all where there are none.
        licence: Of plain folders' pictures; a set says its own.

    Raises:
        EdgekitError: A folder holds none, a class is nowhere, or a plain folder comes without a licence.
    """
    remedy = "name labelled sets, or folders with a folder of PNG pictures with alpha for each class"
    found: list[CutOuts] = []
    for folder in folders:
        is_set = (folder / DESCRIPTION).is_file()
        some = _of_set(open_set(folder), classes) if is_set else _of_folder(folder, classes, licence)
        if not some.sources:
            raise EdgekitError(f"{folder} holds no cut-out of at least {_LEAST_PX} pixels: {remedy}")
        found.append(some)
    missing = set(classes) - {source.class_name for some in found for source in some.sources}
    if missing:
        raise EdgekitError(f"there is no cut-out of {', '.join(sorted(missing))}: {remedy}")
    return found


def origin_of_files(folder: Path, files: Sequence[Path], licence: str | None) -> Origin:
    """Return the origin of a plain folder's pictures.

    Raises:
        EdgekitError: Nobody says under which licence they are.
    """
    if licence is None:
        raise EdgekitError(f"{folder} does not say under which licence its pictures are: give --licence")
    digest = digest_of_files({path.relative_to(folder).as_posix(): path for path in files})
    return Origin(folder.resolve().name, licence, "a folder of pictures", digest, len(files))


def origin_of_set(opened: DetectionSet) -> Origin:
    """Return what a set says of itself."""
    told = opened.description
    return Origin(told.name, told.licence, told.source, told.digest, told.pictures)


def _of_set(opened: DetectionSet, classes: Sequence[str]) -> CutOuts:
    """Return a set's objects, those too small to learn from left out."""
    names = opened.description.classes
    wanted = {names.index(name) for name in classes if name in names} if classes else set(range(len(names)))
    sources: list[CutOutSource] = []
    for picture in opened.pictures("train"):
        labels = [label for label in read_labels(opened.label_file(picture), len(names)) if label.class_id in wanted]
        if not labels:
            continue
        height, width = read_picture(picture).shape[:2]
        sources += [
            CutOutSource(names[label.class_id], picture, label)
            for label in labels
            if min(label.cxcywh[2] * width, label.cxcywh[3] * height) >= _LEAST_PX
        ]
    return CutOuts(tuple(sources), origin_of_set(opened))


def _of_folder(folder: Path, classes: Sequence[str], licence: str | None) -> CutOuts:
    files = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in PICTURES)
    files = [path for path in files if not classes or path.parent.name in classes]
    sources = tuple(CutOutSource(path.parent.name, path) for path in files)
    return CutOuts(sources, origin_of_files(folder, files, licence))


def _with_alpha(path: Path) -> CutOut:
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise EdgekitError(f"{path} cannot be read: {exc.strerror}") from exc
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint8:
        raise EdgekitError(f"{path} cannot be read as a picture of 8 bits a channel")
    if picture.ndim != 3 or picture.shape[2] != 4:
        raise EdgekitError(f"{path} has no alpha that says where the product is: cut it out, and store it as PNG")
    cover = np.asarray(picture[:, :, 3], np.uint8)
    if min(np.count_nonzero((cover > _INSIDE).any(0)), np.count_nonzero((cover > _INSIDE).any(1))) < _LEAST_PX:
        raise EdgekitError(f"{path} shows less than {_LEAST_PX} pixels of a product: take a larger picture of it")
    return _trimmed(np.asarray(picture[:, :, :3], np.uint8), cover)


def _labelled(image: Image, label: Label) -> CutOut:
    height, width = image.shape[:2]
    x, y, across, down = label.cxcywh
    corners = label.polygon or (
        (x - across / 2, y - down / 2),
        (x + across / 2, y - down / 2),
        (x + across / 2, y + down / 2),
        (x - across / 2, y + down / 2),
    )
    cover = np.zeros((height, width), np.uint8)
    points = np.round(np.array(corners) * (width, height) - 0.5).astype(np.int32)
    cv2.fillPoly(cover, [points], (255.0,))
    return _trimmed(image, cover)


def _trimmed(image: Image, cover: Image) -> CutOut:
    """Return a cut-out without the empty margin around it."""
    rows, columns = np.flatnonzero((cover > _INSIDE).any(1)), np.flatnonzero((cover > _INSIDE).any(0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return CutOut(image[part].copy(), cover[part].copy())

"""Bring what another tool has labelled into the kit's form, whole pictures or none of them.

A picture with one bad row is left out as a whole: without that row its object would be declared background.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from devices.errors import EdgekitError
from edge.evaluate.dataset import ALL_SPLITS, PICTURES
from edge.evaluate.labels import TOLERANCE
from edge.model.picture import read_picture
from edge.new_folder import new_folder
from train.importing.coco import read_coco
from train.importing.cvat import read_cvat
from train.importing.found import Findings, FoundObject, FoundPicture
from train.importing.label_studio import read_label_studio
from train.importing.voc import read_voc
from train.importing.yolo import read_yolo
from train.sets import describe

Format = Literal["yolo", "coco", "voc", "cvat", "label-studio", "pictures"]
_BOX_CORNERS = 2
_LEAST_SIDE = 1e-5  # of the picture: a label file has six decimals, and what vanishes there cannot be learnt


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        pictures: By split.
        objects: By class.
        background: Pictures of which somebody said that they show nothing.
        unlabelled: Pictures that nobody has labelled; they have no label file.
        skipped: One line for each picture that was left out.
    """

    pictures: Mapping[str, int]
    objects: Mapping[str, int]
    background: int
    unlabelled: int
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a set is to say of itself.

    Attributes:
        name: Of the set.
        licence: Of its pictures: an SPDX expression, or `unstated`.
        source: Where they come from.
    """

    name: str
    licence: str
    source: str


def read_foreign_set(form: Format, source: Path, images: Path | None) -> Findings:
    """Read what another tool has written.

    Raises:
        EdgekitError: It is not in this form.
    """
    if not source.exists():
        raise EdgekitError(f"there is no {source}")
    match form:
        case "yolo":
            return read_yolo(source, images)
        case "coco":
            return read_coco(source, images)
        case "voc":
            return read_voc(source, images)
        case "cvat":
            return read_cvat(source, images)
        case "label-studio":
            return read_label_studio(source, images)
        case "pictures":
            paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
            return Findings(pictures=[FoundPicture(path, str(path), None) for path in paths])


def import_detections(
    found: Findings,
    out: Path,
    origin: Origin,
    *,
    classes: Sequence[str] = (),
    unlabelled_is_background: bool = False,
    skip_bad: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Imported:
    """Write what a parser found as a set.

    Args:
        found: Pictures and faults.
        out: The new set's folder; must not exist.
        origin: What the set says of itself.
        classes: The set's classes in the order of their ids; those that the source names if empty.
        unlabelled_is_background: Take a picture without labels for one that shows nothing.
        skip_bad: Leave out pictures with a fault instead of refusing.
        advance: Called after each picture.

    Raises:
        EdgekitError: A picture has a fault, no picture or class is left, or `out` exists or cannot be written.
    """
    if not skip_bad and found.faults:
        raise EdgekitError(f"{found.faults[0]}{_more(found.faults)}; mend it, or leave such pictures out: --skip-bad")
    names = tuple(classes) or found.classes
    if not names:
        raise EdgekitError("no class is named: give the set's classes with --class")
    writer = _Writer(names, unlabelled_is_background=unlabelled_is_background)
    skipped = list(found.faults)
    with new_folder(out) as folder:
        for picture in found.pictures:
            try:
                writer.write(picture, folder)
            except EdgekitError as exc:
                if not skip_bad:
                    raise EdgekitError(f"{exc}; mend it, or leave such pictures out: --skip-bad") from exc
                skipped.append(str(exc))
            advance()
        if not writer.pictures.total():
            raise EdgekitError(f"no picture is left{': ' + skipped[0] if skipped else ''}{_more(skipped)}")
        anything = writer.unlabelled < writer.pictures.total()
        described = {"name": origin.name, "licence": origin.licence, "source": origin.source}
        describe(folder, **described, labelled=names if anything else (), classes=names)
    return Imported(
        pictures={split: writer.pictures[split] for split in ALL_SPLITS if writer.pictures[split]},
        objects={name: writer.objects[name] for name in names},
        background=writer.background,
        unlabelled=writer.unlabelled,
        skipped=tuple(skipped),
    )


class _Writer:
    """Writes pictures into a set, and counts them.

    Args:
        classes: The set's.
        unlabelled_is_background: Take a picture without labels for one that shows nothing.
    """

    def __init__(self, classes: tuple[str, ...], *, unlabelled_is_background: bool) -> None:
        self.pictures = Counter[str]()
        self.objects = Counter[str]()
        self.background = 0
        self.unlabelled = 0
        self._ids = {name: index for index, name in enumerate(classes)}
        self._unlabelled_is_background = unlabelled_is_background
        self._taken: set[tuple[str, str]] = set()

    def write(self, picture: FoundPicture, folder: Path) -> None:
        """Write a picture and its labels, or neither.

        Raises:
            EdgekitError: Something is wrong with it.
        """
        height, width = read_picture(picture.path).shape[:2]
        if picture.size_px is not None and picture.size_px != (width, height):
            told = "x".join(f"{side:g}" for side in picture.size_px)
            raise EdgekitError(f"{picture.where}: the picture is {width}x{height}, its labels were made on {told}")
        scale = (1 / width, 1 / height) if picture.in_pixels else (1.0, 1.0)
        rows = [self._row(found, scale, picture.where) for found in picture.objects or ()]
        name = self._free_name(picture)
        for kind in ("images", "labels"):
            (folder / kind / picture.split).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture.path, folder / "images" / picture.split / name)
        self.pictures[picture.split] += 1
        if picture.objects is None and not self._unlabelled_is_background:
            self.unlabelled += 1
            return
        label = folder / "labels" / picture.split / f"{Path(name).stem}.txt"
        label.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        self.background += not rows
        self.objects.update(found.name for found in picture.objects or ())

    def _free_name(self, picture: FoundPicture) -> str:
        """Return a name that no other picture of the split shares labels with; folders keep same names apart."""
        path = picture.path
        for name in (
            path.name,
            f"{path.parent.name}-{path.name}",
            f"{path.parent.parent.name}-{path.parent.name}-{path.name}",
        ):
            if (picture.split, Path(name).stem) not in self._taken:
                self._taken.add((picture.split, Path(name).stem))
                return name
        raise EdgekitError(f"{picture.where}: {path.name} is there twice in {picture.split}: rename one of them")

    def _row(self, found: FoundObject, scale: tuple[float, float], where: str) -> str:
        """Return an object as a line of a label file.

        Raises:
            EdgekitError: Its class is unknown, it reaches out of the picture, or it is empty.
        """
        if found.name not in self._ids:
            raise EdgekitError(f"{where}: {found.name!r} is none of the classes {', '.join(self._ids)}")
        corners = [(x * scale[0], y * scale[1]) for x, y in found.corners]
        if not all(-TOLERANCE <= value <= 1 + TOLERANCE for corner in corners for value in corner):
            raise EdgekitError(f"{where}: a {found.name} reaches out of its picture")
        inside = [(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)) for x, y in corners]
        xs, ys = zip(*inside, strict=True)
        left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
        if min(right - left, bottom - top) < _LEAST_SIDE or (len(inside) == _BOX_CORNERS and inside[0] != (left, top)):
            raise EdgekitError(f"{where}: a {found.name} is empty, or its corners are in the wrong order")
        numbers = [value for corner in inside for value in corner]
        if len(inside) == _BOX_CORNERS:
            numbers = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
        return f"{self._ids[found.name]} " + " ".join(f"{value:.6f}" for value in numbers)


def _more(faults: Sequence[str]) -> str:
    return f" (and {len(faults) - 1} faults more)" if len(faults) > 1 else ""

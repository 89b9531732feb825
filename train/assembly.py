"""The pictures and labels that a training reads: checked, and linked below its folder; no set is written into."""

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.dataset import SPLITS, DetectionSet
from edge.evaluate.labels import Label, read_labels
from edge.model.manifest import DataEntry
from edge.model.picture import read_picture
from train.sets import digest_of_files


class Shapes(Enum):
    """How labels are handed to a training."""

    BOXES = "boxes"
    OUTLINES = "outlines"  # each label needs one
    AS_LABELLED = "as labelled"


@dataclass(frozen=True, slots=True)
class Taken:
    """What of the sets is taken: labels' shapes, and the most training pictures of each set, drawn by the seed."""

    shapes: Shapes
    most_pictures: int | None
    seed: int


def assemble(sets: Sequence[DetectionSet], build: Path, taken: Taken, *, skip_bad: bool) -> list[str]:
    """Link the pictures and labels of all sets below one folder; return what was left out, with the reason.

    Args:
        sets: Their classes are the same.
        build: The folder; what it held is removed.
        taken: What of them.
        skip_bad: Leave out what cannot be used.

    Raises:
        EdgekitError: A picture or label cannot be used, or a split has no picture at all.
    """
    shutil.rmtree(build, ignore_errors=True)
    skipped: list[str] = []
    for opened in sets:
        for split in SPLITS:
            skipped += _assemble_split(opened, split, build, taken.shapes, skip_bad=skip_bad)
        _thin_out(build / "images" / "train" / opened.description.name, taken)
    data: dict[str, object] = {"path": str(build.resolve()), "names": dict(enumerate(sets[0].description.classes))}
    for split in SPLITS:
        folders = [
            f"images/{split}/{opened.description.name}"
            for opened in sets
            if any((build / "images" / split / opened.description.name).iterdir())
        ]
        if not folders:
            raise EdgekitError(f"none of the sets has pictures in images/{split}: a training needs both splits")
        data[split] = folders
    # JSON is YAML that needs no quoting rules of our own.
    (build / "data.yaml").write_text(json.dumps(data), encoding="utf-8")
    return skipped


def _assemble_split(opened: DetectionSet, split: str, build: Path, shapes: Shapes, *, skip_bad: bool) -> list[str]:
    """Link one split of one set; return what was left out, with the reason."""
    images = build / "images" / split / opened.description.name
    labels = build / "labels" / split / opened.description.name
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    skipped: list[str] = []
    pictures = opened.pictures(split)
    for picture in pictures:
        try:
            text = _checked_labels(opened, picture, shapes)
        except EdgekitError as exc:
            if not skip_bad:
                raise EdgekitError(f"{exc}; mend it, or leave such pictures out with --skip-bad") from exc
            skipped.append(str(exc))
            continue
        (images / picture.name).symlink_to(picture.resolve())
        (labels / f"{picture.stem}.txt").write_text(text, encoding="utf-8")
    for orphan in opened.orphans(split):
        fault = f"{orphan} has no picture"
        if not skip_bad:
            raise EdgekitError(f"{fault}; mend it, or leave such labels out with --skip-bad")
        skipped.append(fault)
    return skipped


def _thin_out(folder: Path, taken: Taken) -> None:
    """Keep as many training pictures of a set as asked for, drawn by the seed."""
    pictures = sorted(folder.iterdir())
    if taken.most_pictures is None or len(pictures) <= taken.most_pictures:
        return
    drawn = random.Random(taken.seed)  # noqa: S311 - a draw of pictures, repeatable on purpose
    for picture in drawn.sample(pictures, len(pictures) - taken.most_pictures):
        picture.unlink()


def _checked_labels(opened: DetectionSet, picture: Path, shapes: Shapes) -> str:
    """Return the labels of a picture that can be read, as the trainer reads them."""
    read_picture(picture)
    path = opened.label_file(picture)
    labels = read_labels(path, len(opened.description.classes))
    return "".join(f"{label.class_id} {_shape(label, path, shapes)}\n" for label in labels)


def _shape(label: Label, path: Path, shapes: Shapes) -> str:
    if shapes is Shapes.BOXES or (shapes is Shapes.AS_LABELLED and label.polygon is None):
        return " ".join(f"{value:.6f}" for value in label.cxcywh)
    if label.polygon is None:
        raise EdgekitError(f"{path}: an object has a box, but no outline: to learn outlines, every label needs one")
    # The trainer refuses what tools draw a hair over the edge.
    return " ".join(f"{min(max(value, 0.0), 1.0):.6f}" for corner in label.polygon for value in corner)


def learnt_from(opened: DetectionSet, build: Path) -> DataEntry:
    """Return what of a set is really trained on: fewer pictures than it has, and the labels as they are now.

    Raises:
        EdgekitError: There is nothing of it in the split train.
    """
    used = opened.description
    pictures = sorted((build / "images" / "train" / used.name).iterdir())
    if not pictures:
        raise EdgekitError(f"{opened.folder} holds no picture in images/train that can be trained on")
    labels = [build / "labels" / "train" / used.name / f"{picture.stem}.txt" for picture in pictures]
    digest = digest_of_files({path.name: path for path in (*pictures, *labels)})
    return DataEntry(name=used.name, licence=used.licence, source=used.source, digest=digest, pictures=len(pictures))

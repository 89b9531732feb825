"""A few of a set's training pictures as a set, and the rest without labels: to see what labels are worth."""

import random
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.dataset import ALL_SPLITS, DetectionSet, open_set
from edge.new_folder import new_folder
from train.grouping import heaps
from train.sets import describe


@dataclass(frozen=True, slots=True)
class WholeGroups:
    """How pictures are drawn group by group, as where a few of a site's cameras are labelled and the others not.

    Attributes:
        by: Headings that tell the groups; none for all that there are, and `similarity`.
        file: More groups; see `train.grouping.known_groups`.
        pattern: Reads groups from file names; see there too.
    """

    by: tuple[str, ...] = ()
    file: Path | None = None
    pattern: str | None = None


def take_pictures(
    opened: DetectionSet,
    out: Path,
    pictures: int,
    seed: int,
    rest: Path | None = None,
    whole: WholeGroups | None = None,
) -> DetectionSet:
    """Write a set of some training pictures, drawn by a seed, with all of the split `val`.

    The part `test` stays with the set that it belongs to.

    Args:
        opened: The set to take from.
        out: The new set's folder; must not exist.
        pictures: How many training pictures to take.
        seed: The same seed takes the same pictures.
        rest: New folder for the other training pictures, as a set that labels nothing; None to leave them.
        whole: Draw group after group, each with all its pictures, as long as there are too few; the last one gives what
            is still missing. None draws single pictures.

    Raises:
        EdgekitError: The set has fewer training pictures, lacks a label, is not told by the groups asked for, or a
            folder exists or cannot be written.
    """
    candidates = opened.pictures("train")
    if not 1 <= pictures <= len(candidates) - (rest is not None):
        raise EdgekitError(f"{opened.folder} has {len(candidates)} training pictures: {pictures} cannot be taken")
    if rest is not None and rest.resolve() == out.resolve():
        raise EdgekitError(f"{out} cannot hold both the pictures taken and the rest: name two folders")
    drawn = set(_drawn(opened, pictures, seed, whole))
    told = opened.description
    how = "drawn" if whole is None else "drawn group by group"
    told_from = f"{told.source}; {pictures} training pictures {how} by seed {seed}"
    with ExitStack() as folders:
        taken = folders.enter_context(new_folder(out))
        for picture in (*sorted(drawn), *opened.pictures("val")):
            copy_picture(opened, picture, taken, labelled=True)
        describe_as = partial(describe, licence=told.licence, classes=told.classes)
        describe_as(taken, name=f"{told.name[:80]}-{pictures}", source=told_from, labelled=told.labelled)
        if rest is not None:
            others = folders.enter_context(new_folder(rest))
            for picture in candidates:
                if picture not in drawn:
                    copy_picture(opened, picture, others, labelled=False)
            describe_as(others, name=f"{told.name[:80]}-rest", source=f"{told_from}, the rest", labelled=())
    return open_set(out)


def _drawn(opened: DetectionSet, pictures: int, seed: int, whole: WholeGroups | None) -> list[Path]:
    draw = random.Random(seed)  # noqa: S311 - a draw of pictures, repeatable
    candidates = opened.pictures("train")
    if whole is None:
        return draw.sample(candidates, pictures)
    names = [picture.name for split in ALL_SPLITS for picture in opened.pictures(split)]  # train comes first
    kept = heaps(opened, names, whole.by, whole.file, whole.pattern)
    groups = [[candidates[index] for index in heap if index < len(candidates)] for heap in kept.members]
    draw.shuffle(groups)
    taken: list[Path] = []
    for group in groups:
        taken += draw.sample(group, min(len(group), pictures - len(taken)))
    return taken


def copy_picture(opened: DetectionSet, picture: Path, folder: Path, *, labelled: bool) -> None:
    """Copy a picture of a set, and its labels where they are wanted, into the same split of another folder.

    Raises:
        EdgekitError: The labels are wanted, and missing.
    """
    for kind in ("images", "labels"):
        (folder / kind / picture.parent.name).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(picture, folder / "images" / picture.parent.name / picture.name)
    label = opened.label_file(picture)
    if not labelled:
        return
    if not label.is_file():
        raise EdgekitError(f"{label} is missing: label the picture, or declare it background by an empty file")
    shutil.copyfile(label, folder / "labels" / picture.parent.name / label.name)

"""Old detection sets and new ones under one list of classes: what is new stands behind, old pictures are replayed."""

import random
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.dataset import ALL_SPLITS, DetectionSet, open_set
from edge.evaluate.labels import Label, read_labels
from edge.new_folder import new_folder
from train.sets import describe


def grown_classes(old: Sequence[str], added: Sequence[DetectionSet], new_classes: Sequence[str]) -> tuple[str, ...]:
    """Return what added sets label behind the old classes, which keep their places.

    Args:
        old: Of the champion.
        added: The new sets.
        new_classes: That may be new; none else, and each of them has to be.

    Raises:
        EdgekitError: A set labels nothing, or a class that is not named; or one that is named is in none.
    """
    for opened in added:
        if not opened.description.labelled:
            raise EdgekitError(f"{opened.folder} labels nothing: label its pictures, or leave it out")
    labelled = dict.fromkeys(name for opened in added for name in opened.description.labelled)
    fresh = [name for name in labelled if name not in old]
    if strangers := sorted(set(fresh) - set(new_classes)):
        raise EdgekitError(
            f"the bundle does not know {', '.join(strangers)}, which the added sets label: mend the labels, or let it "
            f"learn them: {' '.join(f'--new-class {name}' for name in strangers)}"
        )
    if absent := sorted(set(new_classes) - set(fresh)):
        raise EdgekitError(f"{', '.join(absent)} is labelled in no added set, or known to the bundle already")
    return (*old, *fresh)


def write_grown(opened: DetectionSet, classes: tuple[str, ...], out: Path, *, replay: float) -> DetectionSet:
    """Write a set anew under a longer list of classes; parts stay what they were.

    Args:
        opened: Classes that it has but does not label are left out of its labels.
        classes: With all that it labels.
        out: The new folder.
        replay: Share of its train part, drawn by a fixed seed.

    Raises:
        EdgekitError: A label cannot be read, something cannot be copied, or `out` exists.
    """
    described = opened.description
    ids = {number: classes.index(name) for number, name in enumerate(described.classes) if name in described.labelled}
    with new_folder(out) as folder:
        for split in ALL_SPLITS:
            pictures = opened.pictures(split)
            if split == "train":
                draw = random.Random(0)  # noqa: S311 - which pictures are replayed is no secret
                pictures = draw.sample(pictures, round(replay * len(pictures)))
            for kind in ("images", "labels"):
                (folder / kind / split).mkdir(parents=True)
            for picture in pictures:
                shutil.copyfile(picture, folder / "images" / split / picture.name)
                text = _renumbered(read_labels(opened.label_file(picture), len(described.classes)), ids)
                (folder / "labels" / split / f"{picture.stem}.txt").write_text(text, encoding="utf-8")
        told = {"name": described.name, "licence": described.licence, "source": described.source}
        labelled = tuple(name for name in classes if name in described.labelled)
        describe(folder, **told, labelled=labelled, classes=classes)
    return open_set(out)


def _renumbered(labels: Iterable[Label], ids: Mapping[int, int]) -> str:
    """Return labels as the text of their file under new ids, without those that have none."""
    rows: list[str] = []
    for label in labels:
        if label.class_id in ids:
            numbers = label.cxcywh if label.polygon is None else [value for corner in label.polygon for value in corner]
            rows.append(f"{ids[label.class_id]} {' '.join(f'{value:.6f}' for value in numbers)}\n")
    return "".join(rows)

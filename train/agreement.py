"""Do people who label the same pictures mean the same: their boxes matched, their classes held against each other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.evaluate.dataset import ALL_SPLITS, DetectionSet
from edge.evaluate.labels import Box, label_rows
from edge.model.detections import iou_matrix

Kind = Literal["only-first", "only-second", "other-class", "other-extent"]


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """How two people agree on one class; boxes are the same where they overlap enough.

    Attributes:
        name: Of the class.
        first: Boxes of the first person.
        second: Boxes of the second.
        both: Of them, found by both as this class.
        f1: 2 both / (first + second); None where neither has one.
    """

    name: str
    first: int
    second: int
    both: int
    f1: float | None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One box on which two people do not agree; boxes are (x, y, width, height) as shares of the picture."""

    picture: str
    kind: Kind
    first: str | None
    second: str | None
    cxcywh: Box
    iou: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the labels of two people agree.

    Attributes:
        first: Folder of the first person's set.
        second: Of the second's.
        pictures: Labelled by both.
        classes: By class that both label.
        matched: Boxes that both have, whatever class they gave them.
        mean_iou: Of the matched boxes; None where there is none.
        kappa: Cohen's kappa of the classes of the matched boxes, 1 for full agreement, 0 for that of chance; None where
            only one class was used, since chance explains everything then.
        disagreements: By picture.
    """

    first: str
    second: str
    pictures: int
    classes: tuple[ClassAgreement, ...]
    matched: int
    mean_iou: float | None
    kappa: float | None
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class _Boxes:
    """The labels of one picture: class names, and boxes as cxcywh and as xyxy (N, 4), shares of the picture."""

    names: tuple[str, ...]
    cxcywh: tuple[Box, ...]
    xyxy: NDArray[np.float32]


def agreements(sets: Sequence[DetectionSet], *, least_iou: float = 0.5, loose_iou: float = 0.75) -> list[Agreement]:
    """Compare the labels of the same pictures in every two of several sets; pictures are the same by name.

    Args:
        sets: Two or more.
        least_iou: From here on two boxes are the same thing.
        loose_iou: Matched boxes that overlap less are told as `other-extent`.

    Raises:
        EdgekitError: There are not two sets, two have no picture or no class in common, or a label is not valid.
    """
    if len(sets) < 2:  # noqa: PLR2004 - nobody disagrees alone
        raise EdgekitError("labels are compared between two sets or more: name another one")
    return [_agreement(one, other, least_iou, loose_iou) for one, other in combinations(sets, 2)]


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return how far two people agree beyond chance; None where chance explains everything.

    Source: J. Cohen, "A coefficient of agreement for nominal scales", 1960.
    """
    if not pairs:
        return None
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    seen = sum(one == other for one, other in pairs) / len(pairs)
    chance = sum(first[name] * second[name] for name in first) / len(pairs) ** 2
    return None if chance >= 1 else (seen - chance) / (1 - chance)


def _agreement(one: DetectionSet, other: DetectionSet, least_iou: float, loose_iou: float) -> Agreement:
    shared = [name for name in one.description.labelled if name in other.description.labelled]
    pictures, others = _pictures(one), _pictures(other)
    names = sorted(pictures.keys() & others.keys())
    if not names or not shared:
        what = "picture that both have labelled" if shared else "class that both label"
        raise EdgekitError(f"{one.folder} and {other.folder} have no {what}: nothing to compare")
    found: list[Disagreement] = []
    ious: list[float] = []
    pairs: list[tuple[str, str]] = []
    counts = {"first": Counter[str](), "second": Counter[str](), "both": Counter[str]()}
    for name in names:
        first, second = _boxes(one, pictures[name], shared), _boxes(other, others[name], shared)
        counts["first"].update(first.names)
        counts["second"].update(second.names)
        matches = match(first.xyxy, second.xyxy, least_iou)
        for row, column, overlap in matches:
            pairs.append((first.names[row], second.names[column]))
            ious.append(overlap)
        counts["both"].update(
            first.names[row] for row, column, _ in matches if first.names[row] == second.names[column]
        )
        found += _disagreements(name, first, second, matches, loose_iou)
    classes = tuple(
        ClassAgreement(
            name,
            a := counts["first"][name],
            b := counts["second"][name],
            c := counts["both"][name],
            2 * c / (a + b) if a + b else None,
        )
        for name in shared
    )
    return Agreement(
        first=str(one.folder),
        second=str(other.folder),
        pictures=len(names),
        classes=classes,
        matched=len(pairs),
        mean_iou=float(np.mean(ious)) if ious else None,
        kappa=cohen_kappa(pairs),
        disagreements=tuple(found),
    )


def match(first: NDArray[np.float32], second: NDArray[np.float32], least_iou: float) -> list[tuple[int, int, float]]:
    """Return which boxes (N, 4) and (M, 4) are the same, row, column and IoU: the best overlap first, each box once."""
    overlaps = iou_matrix(first, second)
    matches: list[tuple[int, int, float]] = []
    while overlaps.size and overlaps.max() >= least_iou:
        row, column = (int(index) for index in np.unravel_index(int(overlaps.argmax()), overlaps.shape))
        matches.append((row, column, float(overlaps[row, column])))
        overlaps[row, :] = overlaps[:, column] = -1
    return matches


def _disagreements(
    picture: str, first: _Boxes, second: _Boxes, matches: Sequence[tuple[int, int, float]], loose_iou: float
) -> list[Disagreement]:
    found: list[Disagreement] = []
    for row, column, overlap in matches:
        one, other = first.names[row], second.names[column]
        if one != other:
            found.append(Disagreement(picture, "other-class", one, other, first.cxcywh[row], overlap))
        elif overlap < loose_iou:
            found.append(Disagreement(picture, "other-extent", one, other, first.cxcywh[row], overlap))
    rows, columns = {row for row, _, _ in matches}, {column for _, column, _ in matches}
    for row, (name, box) in enumerate(zip(first.names, first.cxcywh, strict=True)):
        if row not in rows:
            found.append(Disagreement(picture, "only-first", name, None, box, 0.0))
    for column, (name, box) in enumerate(zip(second.names, second.cxcywh, strict=True)):
        if column not in columns:
            found.append(Disagreement(picture, "only-second", None, name, box, 0.0))
    return found


def _pictures(opened: DetectionSet) -> dict[str, Path]:
    """Return the labelled pictures of a set by their name without suffix, since tools change those."""
    found: dict[str, Path] = {}
    for split in ALL_SPLITS:
        for picture in opened.pictures(split):
            if picture.stem in found:
                raise EdgekitError(f"{opened.folder} has two pictures {picture.stem}: names say which are the same")
            if opened.label_file(picture).is_file():
                found[picture.stem] = picture
    return found


def _boxes(opened: DetectionSet, picture: Path, shared: Sequence[str]) -> _Boxes:
    classes = opened.description.classes
    rows = [
        (classes[class_id], box)
        for class_id, box in label_rows(opened.label_file(picture), len(classes))
        if classes[class_id] in shared
    ]
    centres = np.array([box for _, box in rows], np.float32).reshape(-1, 4)
    xyxy = np.concatenate([centres[:, :2] - centres[:, 2:] / 2, centres[:, :2] + centres[:, 2:] / 2], axis=1)
    return _Boxes(tuple(name for name, _ in rows), tuple(box for _, box in rows), xyxy.astype(np.float32))

"""Pseudo-labels: a teacher labels what nobody has, as far as it is sure, and each of its labels says that it is one.

A picture with many detections in doubt is left out: what stands there would be declared background otherwise, and a
student would learn that cartons are none.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.labels import Box, label_rows
from edge.model.detections import Detections
from edge.model.manifest import Sha256
from edge.model.picture import read_picture
from edge.new_folder import new_folder
from train.gates import Gates
from train.review_sheet import Doubt, Reviewed, write_review_sheet
from train.sets import describe
from train.take import copy_picture
from train.teachers import Teacher

PROVENANCE = "pseudo.jsonl"
REVIEW = "review.html"
_LEAST_SIDE_PX = 1.0


class PseudoLabel(BaseModel):
    """One line of `pseudo.jsonl`: a label that a teacher gave."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    picture: str = Field(description="path below the set's folder")
    name: str = Field(description="of its class")
    cxcywh: Box = Field(description="middle, width and height as shares of the picture")
    score: float
    teacher: Sha256 = Field(description="the teacher's digest: a bundle's manifest, or a run's best checkpoint")


@dataclass(frozen=True, slots=True)
class Labelling:
    """What came of a labelling, in pictures; `labels` are the teacher's by class.

    Attributes:
        kept: Whose labels were there already; they are as they were.
        labelled: That got labels of the teacher.
        background: In which it found nothing.
        doubtful: Left out, since the teacher is not sure of them.
        bad: Left out, since they cannot be read.
        unmeasured: Of val, left out: what is measured on has to be labelled by people.
        labels: The teacher's, by class.
    """

    kept: int
    labelled: int
    background: int
    doubtful: int
    bad: int
    unmeasured: int
    labels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the teacher says of a picture; `bad` is the fault of one that cannot be read."""

    picture: Path
    sure: tuple[PseudoLabel, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    left_out: bool = False
    bad: str | None = None


def label_set(
    opened: DetectionSet,
    out: Path,
    teacher: Teacher,
    gates: Gates,
    *,
    added: tuple[str, ...] = (),
    review: int = 80,
    skip_bad: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Labelling:
    """Label a set's training pictures by a teacher, into a new set with `pseudo.jsonl` and `review.html`.

    Pictures without a label file get all classes that the new set labels; those with one keep it as it is, and get the
    `added` classes, which the set does not label. No teacher ever labels val: it is copied where people have
    labelled all of it. The part `test` stays where it is.

    Args:
        opened: The set; it may label nothing at all.
        out: The new folder; must not exist.
        teacher: Labels the pictures.
        gates: How sure it has to be.
        added: Classes to label on all pictures beside those that the set labels.
        review: Most pictures on the review sheet.
        skip_bad: Leave out pictures that cannot be read, instead of refusing.
        advance: Called after each training picture.

    Raises:
        EdgekitError: The teacher does not know a class, a picture cannot be read, or `out` exists or cannot be written.
    """
    told = opened.description
    labelled, added = _classes(opened, teacher, added)
    for name in gates.by_class:
        if name not in labelled:
            raise EdgekitError(f"there is a gate for {name}, which is not labelled: {', '.join(labelled)} are")
    pictures = opened.pictures("train")
    if not pictures:
        raise EdgekitError(f"{opened.folder} holds no picture in images/train to label")
    val = opened.pictures("val") if not added or not told.labelled else []
    measured = [picture for picture in val if told.labelled and opened.label_file(picture).is_file()]

    def judge(picture: Path) -> _Verdict | None:
        wanted = added if opened.label_file(picture).is_file() else labelled
        verdict = _judge(opened, picture, teacher, gates, wanted, skip_bad=skip_bad) if wanted else None
        advance()
        return verdict

    with ThreadPoolExecutor(teacher.at_once) as pool:
        verdicts = dict(zip(pictures, pool.map(judge, pictures), strict=True))
    with new_folder(out) as folder:
        for picture in measured:
            copy_picture(opened, picture, folder, labelled=True)
        _write_all(opened, verdicts, folder, review)
        if not any((folder / "images").rglob("*.*")):
            raise EdgekitError(f"the teacher doubts each picture of {opened.folder}: see --doubt and --most-doubts")
        describe(
            folder,
            name=f"{told.name[:90]}-pseudo",
            licence=told.licence,
            source=f"{told.source}; pseudo-labels by {teacher.name} ({teacher.digest[:12]}), score from {gates.sure:g}",
            labelled=tuple(name for name in told.classes if name in labelled),
            classes=told.classes,
        )
    return _summary(verdicts, val=len(val) - len(measured))


def _classes(opened: DetectionSet, teacher: Teacher, added: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all classes that the new set labels, and those of them that are new."""
    told = opened.description
    known = [name for name in told.classes if name in teacher.classes]
    if not told.labelled and not added:
        added = tuple(known)
    for name in added:
        if name not in told.classes:
            raise EdgekitError(f"{opened.folder} has no class {name}: its classes are {', '.join(told.classes)}")
        if name in told.labelled:
            raise EdgekitError(f"{opened.folder} labels {name} itself: name classes that it does not label")
    labelled = (*told.labelled, *added)
    bare = any(not opened.label_file(picture).is_file() for picture in opened.pictures("train"))
    unknown = [name for name in (labelled if bare else added) if name not in teacher.classes]
    if unknown or not labelled:
        what = ", ".join(unknown) or ", ".join(told.classes)
        raise EdgekitError(
            f"the teacher {teacher.name} knows {', '.join(teacher.classes)}, but not {what}: take another"
        )
    if not bare and not added:
        raise EdgekitError(f"all training pictures of {opened.folder} have labels: name classes to add with --class")
    return labelled, added


def _judge(
    opened: DetectionSet, picture: Path, teacher: Teacher, gates: Gates, wanted: tuple[str, ...], *, skip_bad: bool
) -> _Verdict:
    try:
        image = read_picture(picture)
        if opened.label_file(picture).is_file():
            list(label_rows(opened.label_file(picture), len(opened.description.classes)))
    except EdgekitError as exc:
        if not skip_bad:
            raise EdgekitError(f"{exc}; mend it, or leave such pictures out with --skip-bad") from exc
        return _Verdict(picture, bad=str(exc))
    path = picture.relative_to(opened.folder).as_posix()
    sure: list[PseudoLabel] = []
    doubts: list[Doubt] = []
    for class_name, cxcywh, score in _shares(teacher.detect(image), teacher.classes, image.shape[1], image.shape[0]):
        if class_name not in wanted or score < gates.doubt:
            continue
        if score >= gates.of(class_name):
            label = PseudoLabel(
                picture=path, name=class_name, cxcywh=cxcywh, score=round(score, 4), teacher=teacher.digest
            )
            sure.append(label)
        else:
            doubts.append(Doubt(class_name, cxcywh, score))
    left_out = len(doubts) > gates.most_doubts * (len(doubts) + len(sure))
    return _Verdict(picture, tuple(sure), tuple(doubts), left_out)


def _shares(
    found: Detections, classes: tuple[str, ...], width_px: int, height_px: int
) -> Iterable[tuple[str, Box, float]]:
    """Yield class, box in shares of the picture and score; what was cut to nothing by the picture's edge is none."""
    size = np.array([width_px, height_px] * 2, np.float64)
    for xyxy, score, class_id in zip(found.xyxy, found.score, found.class_id, strict=True):
        if min(xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]) < _LEAST_SIDE_PX:
            continue
        left, top, right, bottom = (float(edge) for edge in xyxy / size)
        yield classes[int(class_id)], ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top), float(score)


def _write_all(opened: DetectionSet, verdicts: Mapping[Path, _Verdict | None], folder: Path, review: int) -> None:
    """Write the training pictures that are used, where their labels come from, and the review sheet."""
    for picture, verdict in verdicts.items():
        if verdict is None or not (verdict.left_out or verdict.bad):
            _write(opened, picture, verdict, folder)
    given = [verdict for verdict in verdicts.values() if verdict is not None]
    lines = [label.model_dump_json() for one in given if not one.left_out for label in one.sure]
    (folder / PROVENANCE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    _write_sheet(folder / REVIEW, given, review)


def _write(opened: DetectionSet, picture: Path, verdict: _Verdict | None, folder: Path) -> None:
    """Write a picture with what people have labelled, as it is, and what the teacher adds."""
    has_labels = opened.label_file(picture).is_file()
    copy_picture(opened, picture, folder, labelled=has_labels)
    if verdict is None:
        return
    path = folder / "labels" / "train" / f"{picture.stem}.txt"
    before = path.read_text(encoding="utf-8").splitlines() if has_labels else []
    ids = {name: index for index, name in enumerate(opened.description.classes)}
    rows = [f"{ids[label.name]} {' '.join(f'{value:.6f}' for value in label.cxcywh)}" for label in verdict.sure]
    path.write_text("".join(f"{row}\n" for row in (*before, *rows)), encoding="utf-8")


def _write_sheet(path: Path, verdicts: Iterable[_Verdict], most: int) -> None:
    reviewed = [
        Reviewed(
            one.picture,
            tuple(Doubt(label.name, label.cxcywh, label.score) for label in one.sure),
            one.doubts,
            left_out=one.left_out,
        )
        for one in verdicts
        if one.bad is None and (one.sure or one.doubts)
    ]
    write_review_sheet(path, reviewed, most)


def _summary(verdicts: Mapping[Path, _Verdict | None], val: int) -> Labelling:
    given = [verdict for verdict in verdicts.values() if verdict is not None]
    used = [verdict for verdict in given if not verdict.left_out and verdict.bad is None]
    return Labelling(
        kept=len(verdicts) - len(given),
        labelled=sum(bool(verdict.sure) for verdict in used),
        background=sum(not verdict.sure for verdict in used),
        doubtful=sum(verdict.left_out for verdict in given),
        bad=sum(verdict.bad is not None for verdict in given),
        unmeasured=val,
        labels=dict(Counter(label.name for verdict in used for label in verdict.sure)),
    )

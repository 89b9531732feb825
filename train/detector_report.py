"""The report of a detector's run, made from its folder alone, so that it can be made again at any time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.evaluate.dataset import SetDescription
from edge.evaluate.labels import label_rows
from edge.evaluate.pairing import LEAST_IOU, NOTHING, confusion_of_picture, paired
from edge.model.detections import Detections
from edge.model.manifest import DataEntry
from edge.model.picture import read_picture
from train.detector import read_config
from train.epoch_figures import EpochFigures
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.plots import Confusion
from train.report import REPORT, RunReport, SideBySide, write_report
from train.run_folders import BEST

LEAST_SCORE = 0.25
_MOST_ERRORS = 8
_GREEN, _RED = (60, 180, 60), (40, 40, 230)  # BGR


@dataclass(frozen=True, slots=True)
class Judged:
    """A validation picture: its labels, what was found in it, and which belongs to which.

    Attributes:
        picture: The file.
        truth: The labels as detections, each with score 1.
        found: What was found, of the classes that the picture's set labels.
        pairs: Rows (of truth, of found) that belong together, whether or not their classes agree.
    """

    picture: Path
    truth: Detections
    found: Detections
    pairs: tuple[tuple[int, int], ...]

    @property
    def wrong_truth(self) -> list[int]:
        """Rows of the labels that were missed or taken for another class."""
        right = {row for row, other in self.pairs if self.truth.class_id[row] == self.found.class_id[other]}
        return [row for row in range(len(self.truth)) if row not in right]

    @property
    def wrong_found(self) -> list[int]:
        """Rows of what was found that belong to no label, or to one of another class."""
        right = {other for row, other in self.pairs if self.truth.class_id[row] == self.found.class_id[other]}
        return [row for row in range(len(self.found)) if row not in right]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is of.

    Attributes:
        folder: The run's.
        start: What the training began with.
        planned_epochs: How many it is to have.
        sets: As they said of themselves.
        learnt_from: What of them was learnt from.
        command: That repeats the run.
    """

    folder: Path
    start: str
    planned_epochs: int
    sets: tuple[SetDescription, ...]
    learnt_from: tuple[DataEntry, ...]
    command: str


def write_run_report(folder: Path) -> Path:
    """Write `report.html` into a run's folder and return it.

    Raises:
        EdgekitError: The folder holds no training, its checkpoint cannot be loaded, or the report cannot be written.
    """
    config = read_config(folder)
    subject = Subject(
        folder, config.settings.weights.name, config.settings.epochs, config.sets, config.learnt_from, config.command
    )
    size = config.settings.input_size

    def find(pictures: Sequence[Path]) -> Iterable[Detections]:
        from train.yolo_models import predict  # noqa: PLC0415 - a baseline's report needs no ultralytics

        return predict(folder / BEST, pictures, size=size, score=LEAST_SCORE)

    return write_detection_report(subject, config.model_dump_json(indent=2, by_alias=True), find)


def write_detection_report(
    subject: Subject, config: str, find: Callable[[Sequence[Path]], Iterable[Detections]]
) -> Path:
    """Write the report of anything that was trained to find objects.

    Args:
        subject: What was trained.
        config: All that decided it, as text.
        find: Returns what the best checkpoint finds in pictures, in their order, from `LEAST_SCORE` on.

    Raises:
        EdgekitError: The checkpoint cannot be loaded, or the report cannot be written.
    """
    epochs = EpochRecords(subject.folder / METRICS, EpochRecord).read()
    classes = subject.sets[0].classes
    judged, notes = _judged(subject, find)
    best = max(epochs, key=lambda record: record.scores["mAP50-95"], default=None)
    facts = {
        "began with": subject.start,
        "sets": ", ".join(f"{used.name} ({used.pictures} training pictures)" for used in subject.learnt_from),
        "epochs": f"{len(epochs)} of {subject.planned_epochs}",
    }
    if best is not None:
        facts["best epoch"] = f"{best.epoch}: mAP50 {best.scores['mAP50']:.3f}, mAP50-95 {best.scores['mAP50-95']:.3f}"
        facts.update({name: f"mAP50 {best.ap50[name]:.3f}, mAP50-95 {best.ap[name]:.3f}" for name in best.ap50})
    report = RunReport(
        title=f"Training {subject.folder.resolve().name}",
        command=subject.command,
        config=config,
        facts=facts,
        epochs=[figures_of(record) for record in epochs],
        confusion=confusion_of(judged, classes) if judged else None,
        errors=[_side_by_side(one, classes) for one in worst_of(judged)],
        notes=notes,
    )
    write_report(report, subject.folder / REPORT)
    return subject.folder / REPORT


def figures_of(record: EpochRecord) -> EpochFigures:
    """Return an epoch's record as plots and TensorBoard take it."""
    return EpochFigures(
        record.epoch,
        {
            "loss": record.losses,
            "learning rate": {"learning rate": record.learning_rate},
            "gradient norm": {"gradient norm": record.gradient_norm},
            "mAP50": record.ap50,
            "mAP50-95": record.ap,
            **({"masks mAP50": record.mask_ap50, "masks mAP50-95": record.mask_ap} if record.mask_ap else {}),
        },
    )


def confusion_of(judged: Sequence[Judged], classes: tuple[str, ...]) -> Confusion:
    """Count what was taken for what; the last row and column stand for no object."""
    counts = np.zeros((len(classes) + 1, len(classes) + 1), np.int64)
    for one in judged:
        truth, found = one.truth.class_id.tolist(), one.found.class_id.tolist()
        counts += confusion_of_picture(truth, found, one.pairs, len(classes))
    return Confusion(counts, (*classes, NOTHING))


def worst_of(judged: Sequence[Judged]) -> list[Judged]:
    """Return the pictures with the most objects missed, made up or misnamed, those without any left out."""
    wrong = [one for one in judged if one.wrong_truth or one.wrong_found]
    return sorted(wrong, key=lambda one: -len(one.wrong_truth) - len(one.wrong_found))[:_MOST_ERRORS]


def _judged(subject: Subject, find: Callable[[Sequence[Path]], Iterable[Detections]]) -> tuple[list[Judged], list[str]]:
    """Look at all validation pictures of a run with its best checkpoint; return them and what a reader should know."""
    if not (subject.folder / BEST).exists():
        return [], ["No epoch was finished, so there is no checkpoint to look through."]
    judged: list[Judged] = []
    try:
        for used in subject.sets:
            judged += _judged_set(subject.folder, used, find)
    except EdgekitError as exc:
        return [], [f"The validation pictures are not what the run was validated on, so no errors are shown: {exc}."]
    note = (
        f"Confusion and errors are of the best checkpoint on the {len(judged)} validation pictures: detections of "
        f"score {LEAST_SCORE} and more, matched at an overlap of {LEAST_IOU}; classes that a set does not label are "
        "left out."
    )
    return judged, [note]


def _judged_set(
    run: Path, used: SetDescription, find: Callable[[Sequence[Path]], Iterable[Detections]]
) -> list[Judged]:
    pictures = sorted((run / "build" / "images" / "val" / used.name).glob("*"))
    labelled = np.array([used.classes.index(name) for name in used.labelled], np.int32)
    truths = [_truth(run, used, picture) for picture in pictures]
    judged: list[Judged] = []
    for picture, truth, everything in zip(pictures, truths, find(pictures), strict=True):
        found = everything.where(np.isin(everything.class_id, labelled))
        judged.append(Judged(picture, truth, found, paired(truth.xyxy, found.xyxy)))
    return judged


def _truth(run: Path, used: SetDescription, picture: Path) -> Detections:
    """Return a picture's labels in pixels, those of classes that its set says it labels."""
    height, width = read_picture(picture).shape[:2]
    path = run / "build" / "labels" / "val" / used.name / f"{picture.stem}.txt"
    rows = [row for row in label_rows(path, len(used.classes)) if used.classes[row[0]] in used.labelled]
    centre = np.array([box for _, box in rows], np.float32).reshape(-1, 4) * (width, height, width, height)
    corners = np.concatenate([centre[:, :2] - centre[:, 2:] / 2, centre[:, :2] + centre[:, 2:] / 2], axis=1)
    class_ids = np.array([class_id for class_id, _ in rows], np.int32)
    return Detections(corners.astype(np.float32), np.ones(len(rows), np.float32), class_ids)


def _side_by_side(one: Judged, classes: tuple[str, ...]) -> SideBySide:
    picture = read_picture(one.picture)
    caption = (
        f"{one.picture.name}: of {len(one.truth)} objects {len(one.wrong_truth)} missed or misnamed; "
        f"of {len(one.found)} found {len(one.wrong_found)} made up or misnamed (red)"
    )
    labelled = _drawn(picture, one.truth, one.wrong_truth, classes, scores=False)
    return SideBySide(caption, labelled, _drawn(picture, one.found, one.wrong_found, classes, scores=True))


def _drawn(
    picture: NDArray[np.uint8], boxes: Detections, wrong: Sequence[int], classes: tuple[str, ...], *, scores: bool
) -> NDArray[np.uint8]:
    image = picture.copy()
    thick = max(1, round(max(image.shape[:2]) / 320))
    for row in range(len(boxes)):
        colour = _RED if row in wrong else _GREEN
        left, top, right, bottom = (round(float(value)) for value in boxes.xyxy[row])
        cv2.rectangle(image, (left, top), (right, bottom), colour, thick)
        text = classes[boxes.class_id[row]] + (f" {boxes.score[row]:.2f}" if scores else "")
        cv2.putText(image, text, (left, max(top - 3, 10)), cv2.FONT_HERSHEY_SIMPLEX, 0.4 * thick, colour, thick)
    return image

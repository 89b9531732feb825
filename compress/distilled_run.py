"""Train a detector with a larger one's word beside the labels', in a run's folder that tells who taught it."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveFloat

from compress.source import Source
from compress.teaching import check_teacher
from devices.errors import EdgekitError
from devices.validation import read_json
from edge.evaluate.dataset import DetectionSet
from edge.model.manifest import Part, Sha256
from train import yolo_models as yolo
from train.beginning import Beginning, Past, Teaching
from train.checkpoints import checkpoint_sha256
from train.detector import RunConfig, TrainSettings, train_detector
from train.epochs import METRICS, EpochRecord
from train.run_folders import CONFIG

DISTILLATION_RECORD = "distillation.json"
TEACHER = "teacher.pt"
_OWN = frozenset({DISTILLATION_RECORD, TEACHER, CONFIG, METRICS, "build", "weights", "args.yaml"})


class DistillationRecord(Part):
    """`distillation.json`: who taught whom, and how much it counted."""

    schema_id: Literal["edgekit.distillation/1"] = Field(default="edgekit.distillation/1", alias="schema")
    teacher_sha256: Sha256 = Field(description="of the checkpoint, kept as `teacher.pt`")
    student_sha256: Sha256 = Field(description="of the checkpoint that the training started from")
    weight: PositiveFloat = Field(description="of the teacher's word beside the labels'")


def distil_run(
    teacher: Source,
    out: Path,
    settings: TrainSettings,
    sets: Sequence[DetectionSet],
    *,
    weight: float = 1.0,
    resume: bool = False,
    skip_bad: bool = False,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> Path:
    """Train a student with a teacher and return its best checkpoint.

    Args:
        teacher: A detector of the sets' classes with the student's kind of head.
        out: The run's folder: `teacher.pt`, `distillation.json`, and all that a training writes.
        settings: Of the training; `weights` is the student.
        sets: To train on.
        weight: Of the teacher's word beside the labels'.
        resume: Go on with a run that was broken off.
        skip_bad: Leave out pictures and labels that cannot be used.
        on_epoch: Called after each epoch.

    Raises:
        EdgekitError: The teacher cannot teach this student, `out` holds something else, or the training cannot be done.
    """
    if not sets:
        raise EdgekitError("a student learns on pictures: name a set to train on")
    wanted = DistillationRecord(
        teacher_sha256=checkpoint_sha256(teacher.weights),
        student_sha256=checkpoint_sha256(settings.weights),
        weight=weight,
    )
    if resume and (out / DISTILLATION_RECORD).exists():
        if read_distillation(out) != wanted:
            raise EdgekitError(f"the run in {out} was begun with another teacher, student or weight: train anew")
    else:
        if out.exists() and any(out.iterdir()):
            raise EdgekitError(f"{out} holds something already: choose another folder, or go on with it by --resume")
        classes = sets[0].description.classes
        check_teacher(yolo.load(teacher.weights).model, teacher.weights, yolo.load(settings.weights).model, classes)
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(teacher.weights, out / TEACHER)
        (out / DISTILLATION_RECORD).write_text(wanted.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
    begun = (out / "weights" / "last.pt").exists()
    try:
        return train_detector(
            settings,
            sets,
            out,
            resume=begun,
            skip_bad=skip_bad,
            on_epoch=on_epoch,
            beginning=Beginning(_past(teacher, settings, sets, weight), Teaching(out / TEACHER, weight), _OWN),
        )
    except EdgekitError:
        if not resume and not (out / "weights" / "last.pt").exists():
            shutil.rmtree(out)  # nothing was trained: whoever mends the fault begins anew
        raise


def read_distillation(folder: Path) -> DistillationRecord:
    """Read the record of a distillation.

    Raises:
        EdgekitError: It is missing or not valid.
    """
    remedy = "make it with `edgekit compress distil`"
    return read_json(folder / DISTILLATION_RECORD, DistillationRecord, "distillation", remedy)


def _past(teacher: Source, settings: TrainSettings, sets: Sequence[DetectionSet], weight: float) -> Past:
    """Return what was before: of the student's own, and the pictures that its teacher had learnt from."""
    described = tuple(opened.description for opened in sets)
    plain = RunConfig(settings=settings, sets=described, skipped=(), learnt_from=()).command
    taught = f"edgekit compress distil OUT --teacher {teacher.weights.name} --distillation {weight:g}"
    past = Source.open(settings.weights).past(plain.replace("edgekit train detector OUT", taught))
    more = teacher.past("").learnt_from
    return past.model_copy(
        update={"learnt_from": (*past.learnt_from, *(entry for entry in more if entry not in past.learnt_from))}
    )

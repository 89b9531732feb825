"""Sets a taught student beside its twin, the same network without a teacher, and says whether its teacher was one.

Both may be folders of folds: then each picture of the train part is told by the networks that did not learn it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from edge.model.taxonomy import Taxonomy
from train.checkpoints import checkpoint_sha256, keep
from train.classifier.answers import estimate, percent, right_answers
from train.classifier.fold_folders import fold_folder, holds_folds
from train.classifier.folded_set import FoldedSet
from train.classifier.run import divide_as
from train.classifier.settings import ClassifierConfig, read_classifier_config
from train.classifier.twin_record import TWIN, TwinReport, TwinScore
from train.run_folders import BEST


@dataclass(frozen=True, slots=True)
class _Sides:
    """Right answers of the three that are compared, on the same pictures: (N, attributes) each."""

    teacher: NDArray[np.float64]
    twin: NDArray[np.float64]
    student: NDArray[np.float64]

    def scores(self, taxonomy: Taxonomy, groups: NDArray[np.int64]) -> Iterator[TwinScore]:
        """Yield the score of each attribute; what is of one of the groups (N,) is drawn together."""
        for column, attribute in enumerate(taxonomy.attributes):
            teacher, twin, student = (one[:, column] for one in (self.teacher, self.twin, self.student))
            gain = estimate(student - twin, groups)
            yield TwinScore(
                attribute=attribute.name,
                teacher=percent(teacher.mean()),
                twin=percent(twin.mean()),
                student=percent(student.mean()),
                gain=gain.mean,
                low=gain.low,
                high=gain.high,
            )


def compare_twin(student: Path, twin: Path, tagged_set: TaggedSet) -> TwinReport:
    """Score a student, its teachers and its twin on the pictures that none of them learnt from, and record it.

    Args:
        student: A run that was taught, or folds of such.
        twin: The same without a teacher: its settings have to be equal in all else.
        tagged_set: The set that all of them learnt from.

    Raises:
        EdgekitError: The two are no twins, a teacher is not the one that taught, or a run or picture cannot be read.
    """
    of_folds = holds_folds(student)
    if of_folds != holds_folds(twin):
        raise EdgekitError(f"one of {student} and {twin} is a single run, the other holds folds: name two of a kind")
    report = (_compare_folds if of_folds else _compare_runs)(student, twin, tagged_set)
    with keep(student / TWIN) as new:
        new.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return report


def _compare_runs(student: Path, twin: Path, tagged_set: TaggedSet) -> TwinReport:
    taught = _require_pair(student, twin, tagged_set)
    teachers = taught.settings.teaching.teachers
    held, taxonomy = divide_as(student, tagged_set).held, taught.tagged_set.taxonomy
    sides = _Sides(*(right_answers(runs, held, taxonomy) for runs in (teachers, (twin,), (student,))))
    return TwinReport(
        twin=twin.name,
        teachers=tuple(run.name for run in teachers),
        pictures=len(held),
        scores=tuple(sides.scores(taxonomy, np.arange(len(held)))),
    )


def _compare_folds(student: Path, twin: Path, tagged_set: TaggedSet) -> TwinReport:
    count = read_classifier_config(fold_folder(student, 0)).settings.folds or 1
    students, twins = ([fold_folder(folder, fold) for fold in range(count)] for folder in (student, twin))
    teachers = [
        _require_pair(*pair, tagged_set).settings.teaching.teachers for pair in zip(students, twins, strict=True)
    ]
    for run in students:  # a twin learnt from the same, and so did the teachers
        divide_as(run, tagged_set)
    folded = FoldedSet.of(tagged_set, count)
    answers = [folded.answers(runs) for runs in (teachers, [(run,) for run in twins], [(run,) for run in students])]
    on_kept_out = _Sides(*(one.kept_out for one in answers))
    on_val = _Sides(*(one.val.mean(axis=0) for one in answers))
    return TwinReport(
        twin=twin.name,
        teachers=tuple(run.parent.name for run in teachers[0]),
        folds=count,
        pictures=len(folded.groups),
        groups=len(np.unique(folded.groups)),
        scores=tuple(on_kept_out.scores(folded.taxonomy, folded.groups)),
        val=tuple(on_val.scores(folded.taxonomy, folded.val_groups)) if folded.val else (),
    )


def _require_pair(student: Path, twin: Path, tagged_set: TaggedSet) -> ClassifierConfig:
    """Return what decided a student that may be compared with a twin on a set.

    Raises:
        EdgekitError: They are no twins, the set is another, or a teacher is not the one that taught.
    """
    taught = read_classifier_config(student)
    _require_twins(student, taught, twin, read_classifier_config(twin))
    if tagged_set.description != taught.tagged_set:
        raise EdgekitError(
            f"{student} learnt from another set than {tagged_set.folder}: name the one it was trained on"
        )
    _require_teachers(taught, taught.settings.teaching.teachers)
    return taught


def _require_twins(student: Path, taught: ClassifierConfig, twin: Path, alone: ClassifierConfig) -> None:
    """Raise EdgekitError unless two runs differ in their teachers alone."""
    if not taught.settings.teaching.teachers or alone.settings.teaching.teachers:
        raise EdgekitError(f"{student} has to be taught and {twin} to have learnt alone: name them in this order")
    before, after = (config.settings.model_dump(exclude={"teaching"}) for config in (taught, alone))
    for part, value in before.items():
        if after[part] != value:
            raise EdgekitError(f"{twin} is no twin of {student}: {part} differs, {after[part]} instead of {value}")
    if taught.learnt_from != alone.learnt_from:
        raise EdgekitError(f"{twin} is no twin of {student}: it learnt from other pictures")


def _require_teachers(taught: ClassifierConfig, teachers: Sequence[Path]) -> None:
    """Raise EdgekitError unless the teachers are still those that taught."""
    for run, digest in zip(teachers, taught.teachers, strict=True):
        path = run / BEST
        if not path.exists() or checkpoint_sha256(path) != digest:
            raise EdgekitError(f"{run} is not the teacher any more that it was: its checkpoint is missing or another")

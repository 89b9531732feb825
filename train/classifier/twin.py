"""Sets a taught student beside its twin, the same network without a teacher, and says whether its teacher was one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.taxonomy import Attribute, Taxonomy
from train.checkpoints import checkpoint_sha256, keep
from train.classifier.network import scores_of, split_columns
from train.classifier.pictures import read_pictures
from train.classifier.run import divide
from train.classifier.scores import logits_of
from train.classifier.settings import ClassifierConfig, read_classifier_config
from train.classifier.teacher import load_network
from train.run_folders import BEST

TWIN = "twin.json"
LEAST_LEAD = 2.0  # points by which a teacher has to be above the twin, or it has nothing to teach
DRAWS = 1000


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TwinScore(_Record):
    """Accuracies under one attribute, percent of the kept-out pictures."""

    attribute: str
    teacher: float
    twin: float
    student: float
    gain: float = Field(description="student less twin, points")
    low: float = Field(description="of the gain, 95 % of paired draws of the pictures")
    high: float


class TwinReport(_Record):
    """`twin.json` in the student's folder."""

    twin: str = Field(description="name of its run")
    teachers: tuple[str, ...]
    pictures: int
    scores: tuple[TwinScore, ...] = Field(min_length=1)

    @property
    def lead(self) -> float:
        """By how many points the teacher is above the twin, under the first attribute."""
        return self.scores[0].teacher - self.scores[0].twin

    @property
    def verdict(self) -> str:
        """Return whether the teacher was one, as a sentence."""
        told = "" if self.lead >= LEAST_LEAD else "no "
        return (
            f"{', '.join(self.teachers)} {'are' if len(self.teachers) > 1 else 'is'} {told}teacher: "
            f"{self.lead:+.1f} points of {self.scores[0].attribute} against the twin, {LEAST_LEAD:.0f} are asked for"
        )


def compare_twin(student: Path, twin: Path, tagged_set: TaggedSet) -> TwinReport:
    """Score a student, its teachers and its twin on the pictures that none of them learnt from, and record it.

    Args:
        student: A run that was taught.
        twin: The same without a teacher: its settings have to be equal in all else.
        tagged_set: The set that all of them learnt from.

    Raises:
        EdgekitError: The two are no twins, a teacher is not the one that taught, or a run or picture cannot be read.
    """
    taught, alone = read_classifier_config(student), read_classifier_config(twin)
    teachers = taught.settings.teaching.teachers
    _require_twins(student, taught, twin, alone)
    if tagged_set.description != taught.tagged_set:
        raise EdgekitError(
            f"{student} learnt from another set than {tagged_set.folder}: name the one it was trained on"
        )
    _require_teachers(taught, teachers)
    held = divide(tagged_set, taught.settings).held
    taxonomy = taught.tagged_set.taxonomy
    right = [_right(_mean_scores(runs, held, taxonomy), held, taxonomy) for runs in (teachers, (twin,), (student,))]
    scores = tuple(
        _score(attribute, *(of_one[:, column] for of_one in right))
        for column, attribute in enumerate(_single(taxonomy))
    )
    if not scores:
        raise EdgekitError(f"{tagged_set.folder} has no attribute of one value: twins are compared by those")
    report = TwinReport(twin=twin.name, teachers=tuple(run.name for run in teachers), pictures=len(held), scores=scores)
    with keep(student / TWIN) as new:
        new.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return report


def read_twin(run: Path) -> TwinReport | None:
    """Return what was recorded of a run and its twin, None where nothing was."""
    path = run / TWIN
    return TwinReport.model_validate_json(path.read_bytes()) if path.exists() else None


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


def _single(taxonomy: Taxonomy) -> list[Attribute]:
    """Return the attributes of one value, learnt or following."""
    return [attribute for attribute in taxonomy.attributes if not attribute.multiple]


def _mean_scores(runs: Sequence[Path], held: Sequence[TaggedPicture], taxonomy: Taxonomy) -> torch.Tensor:
    """Return the mean over runs of their scores (N, columns), each at its own input size."""
    total = torch.zeros(len(held), taxonomy.columns)
    for run in runs:
        pictures, _ = read_pictures(held, taxonomy, read_classifier_config(run).settings.input_px)
        parts = split_columns(logits_of(load_network(run), pictures.images), taxonomy.learnt)
        total += torch.cat([scores_of(part, attribute) for part, attribute in parts], dim=1)
    return total / len(runs)


def _right(scores: torch.Tensor, held: Sequence[TaggedPicture], taxonomy: Taxonomy) -> NDArray[np.float64]:
    """Return 1 for each right answer, else 0: (N, attributes of one value)."""
    learnt = {attribute.name: place for place, attribute in enumerate(taxonomy.learnt)}
    answers = {attribute.name: part.argmax(dim=1) for part, attribute in split_columns(scores, taxonomy.learnt)}
    columns: list[NDArray[np.float64]] = []
    for attribute in _single(taxonomy):
        source = attribute.implied_by or attribute.name
        said = answers[source].numpy()
        wanted = np.array([picture.tags[learnt[source]][0] for picture in held])
        if attribute.follows:
            follows = np.array(attribute.follows)
            said, wanted = follows[said], follows[wanted]
        columns.append((said == wanted).astype(np.float64))
    return np.stack(columns, axis=1)


def _score(
    attribute: Attribute, teacher: NDArray[np.float64], twin: NDArray[np.float64], student: NDArray[np.float64]
) -> TwinScore:
    gains = 100 * (student - twin)
    drawn = gains[np.random.default_rng(0).integers(0, len(gains), (DRAWS, len(gains)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    teacher_, twin_, student_, gain, low, high = (
        round(float(value), 2)
        for value in (100 * teacher.mean(), 100 * twin.mean(), 100 * student.mean(), gains.mean(), low, high)
    )
    return TwinScore(
        attribute=attribute.name, teacher=teacher_, twin=twin_, student=student_, gain=gain, low=low, high=high
    )

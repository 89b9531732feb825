"""What INT8 files have to keep of the float model: what is found, by a detector, or what is said, by a classifier."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from compress.budget import AccuracyBudget, Budget
from compress.gates import Gate, Verdict, judge
from compress.scorer import Scorer, classifier_of
from devices.errors import EdgekitError
from edge.evaluate.classifier_report import accuracy_costs, classify_pictures
from edge.evaluate.measure import SetResult
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.choice import Choice
from edge.model.classifier import Classification
from edge.model.export_record import ClassifierExportRecord
from edge.model.taxonomy import Taxonomy

_DRAWS = 200  # bootstrap samples for the intervals
Judge = Callable[[Path], Verdict]  # of an INT8 file


class Aim(Protocol):
    """What has to be kept."""

    @property
    def budget(self) -> Budget | AccuracyBudget:
        """What may be lost."""
        ...

    def judge_against(self, model: Path, way: Choice) -> Judge:
        """Return what judges INT8 files, run in a way, against the float model on the same engine."""
        ...


@dataclass(frozen=True, slots=True)
class DetectorAim:
    """What INT8 files of a detector have to keep.

    Attributes:
        budget: What may be lost.
        scorer: Scores the files.
        before: What the model found that nothing may be lost against; None: the float model itself.
    """

    budget: Budget
    scorer: Scorer
    before: tuple[SetResult, ...] | None = None

    def judge_against(self, model: Path, way: Choice) -> Judge:
        """Return what judges INT8 files by what they find."""
        before = self.before or self.scorer.results(model, Choice(way.backend, "fp32"))
        return lambda file: judge(before, self.scorer.results(file, way), self.scorer.record.classes, self.budget)


@dataclass(frozen=True, slots=True)
class ClassifierAim:
    """What INT8 files of a classifier have to keep.

    Attributes:
        budget: What may be lost.
        record: Of the model's export.
        pictures: That it is scored on.
    """

    budget: AccuracyBudget
    record: ClassifierExportRecord
    pictures: tuple[TaggedPicture, ...]

    @classmethod
    def of(cls, budget: AccuracyBudget, record: ClassifierExportRecord, sets: Sequence[TaggedSet]) -> "ClassifierAim":
        """Return an aim on the val parts of sets.

        Raises:
            EdgekitError: They hold no picture.
        """
        pictures = tuple(picture for opened in sets for picture in opened.part("val"))
        if not pictures:
            names = ", ".join(opened.description.name for opened in sets)
            raise EdgekitError(f"{names} holds no picture of the part val: a budget needs pictures to be held on")
        return cls(budget, record, pictures)

    def judge_against(self, model: Path, way: Choice) -> Judge:
        """Return what judges INT8 files by what they say."""
        truth = [picture.tags for picture in self.pictures]
        before = self._said(model, Choice(way.backend, "fp32"))
        return lambda file: judge_tags(self.record.taxonomy, truth, before, self._said(file, way), self.budget)

    def _said(self, file: Path, way: Choice) -> list[Classification]:
        return classify_pictures(classifier_of(self.record, file, way), self.pictures)


def judge_tags(
    taxonomy: Taxonomy,
    truth: Sequence[tuple[tuple[int, ...], ...]],
    before: Sequence[Classification],
    after: Sequence[Classification],
    budget: AccuracyBudget,
) -> Verdict:
    """Hold what a smaller classifier says against what the one says that it was made from.

    Args:
        taxonomy: The attributes.
        truth: Of each picture, the indices of its values by learnt attribute.
        before: What the other said of the same pictures.
        after: What the smaller one said.
        budget: What may be lost.
    """
    gates = [
        Gate(
            name=f"accuracy of {cost.attribute}",
            change=cost.points,
            low=cost.low,
            high=cost.high,
            limit=budget.accuracy_points,
            kept=cost.points >= -budget.accuracy_points,
        )
        for cost in accuracy_costs(taxonomy, truth, "", before, after, _DRAWS, seed=0)
    ]
    for attribute in taxonomy.attributes:
        shares = [sum(one.value(attribute.name) is not None for one in said) / len(said) for said in (before, after)]
        change, limit = round(100 * (shares[1] - shares[0]), 2), budget.sure_points
        gates.append(Gate(name=f"sure of {attribute.name}", change=change, limit=limit, kept=change >= -limit))
    return Verdict(gates=tuple(gates))

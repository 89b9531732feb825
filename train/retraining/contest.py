"""Champion and challenger, both as exported, on one test that neither has learnt from: what each class wins, loses."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from edge.model.bundle import AnyManifest, Bundle
from edge.model.manifest import Precision

REST = "the rest"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ClassContest(_Record):
    """One class: how many of its examples each of the two tells."""

    within: str = Field(description="a classifier's attribute of which it is a value, a detector's set that shows it")
    value: str = Field(description=f"`{REST}`: all old ones with too few examples to be judged by themselves")
    examples: NonNegativeInt = Field(description="a classifier's pictures, a detector's labelled objects")
    champion: NonNegativeInt | None = Field(description="told right; null for what it has never learnt")
    challenger: NonNegativeInt
    champion_false: NonNegativeInt | None = Field(
        default=None, description="detections of it that are none; null for a classifier, and for what is new"
    )
    challenger_false: NonNegativeInt | None = None

    @property
    def lost_recall(self) -> float | None:
        """Points of recall that the challenger lost, None for what is new."""
        if self.champion is None or not self.examples:
            return None
        return 100 * (self.champion - self.challenger) / self.examples

    @property
    def lost_precision(self) -> float | None:
        """Points of precision that the challenger lost, None where there is none to compare."""
        before = _precision(self.champion, self.champion_false)
        after = _precision(self.challenger, self.challenger_false)
        return 100 * (before - after) if before is not None and after is not None else None

    def over(self, budget_points: float) -> tuple[str, ...]:
        """Return in words what it lost beyond a budget."""
        losses = (("recall", self.lost_recall), ("precision", self.lost_precision))
        return tuple(
            f"{self.value} {lost:.1f} of {name}" for name, lost in losses if lost is not None and lost > budget_points
        )

    def told(self) -> str:
        """Return it in words."""
        shown = max(1, self.examples)
        before = "new" if self.champion is None else f"{100 * self.champion / shown:.1f}"
        told = f"{self.within} {self.value}, {self.examples} examples: recall {before} -> "
        told += f"{100 * self.challenger / shown:.1f}"
        if self.challenger_false is not None:
            pairs = ((self.champion, self.champion_false), (self.challenger, self.challenger_false))
            precisions = [_precision(right, false) for right, false in pairs]
            told += f", precision {' -> '.join('-' if one is None else f'{100 * one:.1f}' for one in precisions)}"
        return told


class Contest(_Record):
    """All of them, and who won."""

    champion_digest: str
    challenger_digest: str
    test_pictures: PositiveInt
    openings: PositiveInt = Field(description="how many times the test was opened, this one included; of its sets most")
    budget_points: float
    champion_precision: Precision = Field(
        default="fp32", description="of the champion's file; int8 where it has no other, the challenger's is fp32"
    )
    classes: tuple[ClassContest, ...]
    untested: tuple[str, ...] = Field(default=(), description="old classes of which the test shows nothing")

    @property
    def over_budget(self) -> tuple[ClassContest, ...]:
        """What lost more than the budget allows."""
        return tuple(one for one in self.classes if one.over(self.budget_points))

    @property
    def passed(self) -> bool:
        """Whether the challenger may be released."""
        return not self.over_budget

    def told(self) -> Sequence[str]:
        """Return it for people, line by line."""
        lines = [f"{self.test_pictures} pictures of the test, opened {self.openings} times, this one included"]
        if self.champion_precision == "int8":
            lines.append("the champion has INT8 files alone: some of what it loses against float may be theirs")
        lines += [
            f"  {one.told()}{'  over the budget' if one.over(self.budget_points) else ''}" for one in self.classes
        ]
        if self.untested:
            lines.append(f"not in the test, so nobody knows what they lost: {', '.join(self.untested)}")
        return lines


def compared_precision(champion: Bundle[AnyManifest]) -> Precision:
    """Return which of a champion's files a challenger is held against: fp32 as its own is, where there is one.

    A box takes INT8 before FP32, but what INT8 costs is no merit of a challenger that has none yet.
    """
    return "fp32" if any(model.precision == "fp32" for model in champion.manifest.models) else "int8"


def with_few_together(classes: Sequence[ClassContest], least_examples: int) -> tuple[ClassContest, ...]:
    """Return the classes, those old ones of few examples as one: a single example must not decide.

    Args:
        classes: As counted; those of one attribute or set stand together.
        least_examples: An old class with fewer is judged with its like.
    """
    told: list[ClassContest] = []
    for within in dict.fromkeys(one.within for one in classes):
        of_it = [one for one in classes if one.within == within]
        few = [one for one in of_it if one.champion is not None and one.examples < least_examples]
        told += [one for one in of_it if one not in few]
        if few:
            told.append(_together(few))
    return tuple(told)


def _together(few: Sequence[ClassContest]) -> ClassContest:
    return ClassContest(
        within=few[0].within,
        value=REST,
        examples=sum(one.examples for one in few),
        champion=sum(one.champion or 0 for one in few),
        challenger=sum(one.challenger for one in few),
        champion_false=_sum([one.champion_false for one in few]),
        challenger_false=_sum([one.challenger_false for one in few]),
    )


def _sum(counts: Sequence[int | None]) -> int | None:
    return None if None in counts else sum(count or 0 for count in counts)


def _precision(right: int | None, false: int | None) -> float | None:
    return right / (right + false) if right is not None and false is not None and right + false else None

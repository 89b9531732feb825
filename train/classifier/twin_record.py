"""What is recorded of a taught student beside its twin, the same network without a teacher."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

TWIN = "twin.json"
LEAST_LEAD = 2.0  # points by which a teacher has to be above the twin, or it has nothing to teach


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TwinScore(_Record):
    """Accuracies under one attribute, percent of the pictures."""

    attribute: str
    teacher: float
    twin: float
    student: float
    gain: float = Field(description="student less twin, points")
    low: float = Field(description="of the gain, 95 % of paired draws of the pictures")
    high: float

    def told(self) -> str:
        """Return the accuracies in words."""
        return (
            f"{self.attribute}: teacher {self.teacher:.1f}, twin {self.twin:.1f}, student {self.student:.1f}: "
            f"{self.gain:+.1f} points, 95 % of draws in {self.low:+.1f} to {self.high:+.1f}"
        )


class TwinReport(_Record):
    """`twin.json` in the student's folder."""

    twin: str = Field(description="name of its run, or of its folds")
    teachers: tuple[str, ...]
    folds: int | None = Field(default=None, description="null: single runs are compared")
    pictures: int = Field(description="kept out, of all folds")
    groups: int | None = Field(
        default=None, description="of similar pictures, drawn together; null: each picture is drawn by itself"
    )
    scores: tuple[TwinScore, ...] = Field(min_length=1)
    val: tuple[TwinScore, ...] = Field(default=(), description="of folds: the mean over their networks on the val part")

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

    def told(self) -> list[str]:
        """Return each attribute's accuracies in words, those on val behind those on kept-out pictures."""
        return [score.told() for score in self.scores] + [f"val, {score.told()}" for score in self.val]


def read_twin(run: Path) -> TwinReport | None:
    """Return what was recorded of a run and its twin, None where nothing was."""
    path = run / TWIN
    return TwinReport.model_validate_json(path.read_bytes()) if path.exists() else None


def notes_of_twin(run: Path, *, taught: bool) -> list[str]:
    """Return what a report of a run, or of folds, has to say of its teacher."""
    twin = read_twin(run)
    if twin is not None:
        return [f"{twin.verdict}.", *(f"{line}." for line in twin.told())]
    if taught:
        return ["What its teacher was worth is not known: set it beside its twin with `edgekit train twin`."]
    return []

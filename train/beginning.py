"""What a training begins with that goes on with a model made from another run's: its past, and its teacher."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from edge.model.manifest import DataEntry, WeightsEntry


class Past(BaseModel):
    """What was before a run, told in its record so that a bundle's manifest tells it too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str = Field(description="the commands that repeat all of it")
    weights: WeightsEntry = Field(description="what the very first training started from")
    learnt_from: tuple[DataEntry, ...] = Field(description="the pictures that were learnt from before")


@dataclass(frozen=True, slots=True)
class Teaching:
    """A teacher beside the labels.

    Attributes:
        teacher: Its checkpoint; classes and head are the student's.
        weight: Of its word beside the labels' in the loss.
    """

    teacher: Path
    weight: float


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a run goes on from a model that was made for it.

    Attributes:
        past: What was before.
        teaching: Whom to learn from besides the labels, None for nobody.
        own: Names of files and folders that lie in the run's folder before the training begins.
    """

    past: Past
    teaching: Teaching | None = None
    own: frozenset[str] = frozenset()

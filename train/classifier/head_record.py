"""What is recorded of the heads that were fitted for attributes of several values, and their reading."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from devices.errors import EdgekitError
from devices.validation import read_json
from edge.model.manifest import Sha256
from edge.model.several import BY_SETS, SeveralHead, SeveralMethod

HEADS = "heads.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class HeadScore(_Record):
    """How well one way of telling several values did on the kept-out pictures, 0 to 1."""

    attribute: str
    method: SeveralMethod
    exact: float = Field(description="pictures of which all values are right, and no other was said")
    micro_f1: float
    macro_f1: float
    mean_average_precision: float
    calibration_error: float


class FittedHeads(_Record):
    """`heads.json` in a run's folder: the table, and what the heads' columns stand for."""

    schema_id: Literal["edgekit.heads/1"] = Field(default="edgekit.heads/1", alias="schema")
    network: Sha256 = Field(description="digest of the checkpoint whose features they are fitted on")
    weight_decay: float
    own: bool = Field(default=True, description="whether one-vs-all is the network's own columns, or fitted as all are")
    pictures: NonNegativeInt = Field(description="that the scores are of; the temperatures were chosen on them too")
    label_sets: dict[str, tuple[tuple[int, ...], ...]] = Field(description="by attribute: columns of its powerset")
    scores: tuple[HeadScore, ...]

    def chosen(self, method: SeveralMethod | None) -> Mapping[str, SeveralHead]:
        """Return by attribute how it is told: by a method, or by the one of best micro F1."""
        result: dict[str, SeveralHead] = {}
        for name, label_sets in self.label_sets.items():
            own = [score for score in self.scores if score.attribute == name]
            taken = method or max(own, key=lambda score: score.micro_f1).method
            result[name] = SeveralHead(method=taken, label_sets=label_sets if taken in BY_SETS else ())
        return result


def read_heads(run: Path) -> FittedHeads | None:
    """Return the record of a run's fitted heads, None where it has none.

    Raises:
        EdgekitError: It is there and not valid.
    """
    if not (run / HEADS).exists():
        return None
    return read_json(run / HEADS, FittedHeads, "record of fitted heads", "make it with `edgekit train heads`")


def require_heads(run: Path) -> FittedHeads:
    """Return the record of a run's fitted heads.

    Raises:
        EdgekitError: It has none.
    """
    found = read_heads(run)
    if found is None:
        raise EdgekitError(
            f"{run} has no heads to choose from: fit them with `edgekit train heads`, and name the folder that it wrote"
        )
    return found

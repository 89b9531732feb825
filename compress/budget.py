"""What a smaller model may lose against the one that it was made from."""

import re
from collections.abc import Mapping

from pydantic import Field

from devices.errors import EdgekitError
from devices.validation import checked
from edge.model.manifest import Part

_NAMES = {"map": "map_points", "recall": "recall_points", "threshold": "threshold_drift"}
_TERM = re.compile(r"\s*(?P<name>[A-Za-z]+)\s*-?\s*(?P<value>\d+(\.\d+)?)\s*")


class Budget(Part):
    """The most that may be lost, each by its point estimate."""

    map_points: float = Field(ge=0, le=100, description="points of mAP50-95, of masks too where both models tell them")
    recall_points: float = Field(default=3.0, ge=0, le=100, description="points of any class's recall, see `gates.py`")
    threshold_drift: float = Field(default=0.05, ge=0, le=1, description="of the best-F1 threshold, up or down")

    @classmethod
    def read(cls, text: str) -> "Budget":
        """Read `mAP -1.0`, or more: `mAP -1.0, recall -2, threshold 0.05`.

        Raises:
            EdgekitError: It says something else, or not how much mAP may be lost.
        """
        return checked(cls, **_terms(text, _NAMES, _remedy(text)))


class AccuracyBudget(Part):
    """The most that a classifier may lose, each by its point estimate."""

    accuracy_points: float = Field(ge=0, le=100, description="points of the accuracy of any attribute")
    sure_points: float = Field(
        default=3.0, ge=0, le=100, description="points of the share of pictures of which something sure is said, down"
    )

    @classmethod
    def read(cls, text: str) -> "AccuracyBudget":
        """Read `accuracy -0.5`, or more: `accuracy -0.5, sure -2`.

        Raises:
            EdgekitError: It says something else, or not how much accuracy may be lost.
        """
        remedy = (
            "a classifier's budget says what may be lost, in points of any attribute's accuracy and if you like of the "
            "share of pictures of which something sure is said: 'accuracy -0.5' or 'accuracy -0.5, sure -2', not "
            f"{text!r}"
        )
        return checked(cls, **_terms(text, {"accuracy": "accuracy_points", "sure": "sure_points"}, remedy))


def _terms(text: str, names: Mapping[str, str], remedy: str) -> dict[str, float]:
    """Return the fields that a text gives a value; the first of all names has to be among them."""
    given: dict[str, float] = {}
    for term in text.split(","):
        match = _TERM.fullmatch(term)
        name = names.get(match["name"].lower()) if match else None
        if match is None or name is None or name in given:
            raise EdgekitError(remedy)
        given[name] = float(match["value"])
    if next(iter(names.values())) not in given:
        raise EdgekitError(remedy)
    return given


def _remedy(text: str) -> str:
    return (
        f"a budget says what may be lost, in points of mAP50-95 and if you like of recall, and how far the best "
        f"threshold may move: 'mAP -1.0' or 'mAP -1.0, recall -2, threshold 0.05', not {text!r}"
    )

"""What a smaller model may lose against the one that it was made from."""

import re

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
        given: dict[str, float] = {}
        for term in text.split(","):
            match = _TERM.fullmatch(term)
            name = _NAMES.get(match["name"].lower()) if match else None
            if match is None or name is None or name in given:
                raise EdgekitError(_remedy(text))
            given[name] = float(match["value"])
        if "map_points" not in given:
            raise EdgekitError(_remedy(text))
        return checked(cls, **given)


def _remedy(text: str) -> str:
    return (
        f"a budget says what may be lost, in points of mAP50-95 and if you like of recall, and how far the best "
        f"threshold may move: 'mAP -1.0' or 'mAP -1.0, recall -2, threshold 0.05', not {text!r}"
    )

"""Which head a model's description ends in, and the same description with a head that tells outlines too."""

import copy
from collections.abc import Mapping
from typing import Any

from devices.errors import EdgekitError

OUTLINES = "edgekit_outlines"  # key of a description that has lost its layers: whether they told outlines
_MASKS, _PROTOTYPE_CHANNELS = 32, 256  # as the published -seg models have them, so that their weights fit


def tells_outlines(description: Mapping[str, Any]) -> bool:
    """Whether a model of this description tells outlines beside boxes."""
    return bool(description.get(OUTLINES)) or _head(description).startswith("Segment")


def with_outlines(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a detector's description with a head for outlines, which takes over all weights of the detector's own.

    Raises:
        EdgekitError: The model has no detector's head.
    """
    if tells_outlines(description):
        return dict(description)
    if _head(description) != "Detect":
        raise EdgekitError(f"a model with the head {_head(description)} cannot learn outlines: start from a detector")
    wanted = copy.deepcopy(dict(description))
    sources, repeats, _, arguments = wanted["head"][-1]
    kind = "Segment26" if wanted.get("end2end") else "Segment"
    wanted["head"][-1] = [sources, repeats, kind, [*arguments, _MASKS, _PROTOTYPE_CHANNELS]]
    return wanted


def _head(description: Mapping[str, Any]) -> str:
    layers: list[Any] = description.get("head") or []
    return str(layers[-1][2]) if layers else ""

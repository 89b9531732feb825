"""What stands in a shelf zone, as far as it is sure: the state between events, for whoever asks or joins late."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TagCount:
    """How many products of a class stand in a zone, and since when (UTC) it has been so many, as far as seen."""

    tag: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class ShelfState:
    """What stands in a zone.

    Attributes:
        camera: Name of the camera.
        zone: Name of the zone.
        counts: Of each class that stands there or is expected, in the order of their names.
        captured_at: Capture time (UTC) of the picture that made it so.
    """

    camera: str
    zone: str
    counts: tuple[TagCount, ...]
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class ShelfView:
    """A zone as its newest picture left it.

    Attributes:
        zone: Name of the zone.
        state: What stands there, None as long as that is not sure.
        seen_at: Capture time (UTC) of the newest picture, None before the first.
        comparing: Whether the state is being compared with pictures for the first time, or after a gap.
    """

    zone: str
    state: ShelfState | None
    seen_at: datetime | None
    comparing: bool

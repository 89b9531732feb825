"""What is known of one parcel while it is in the picture, and of the moments at which it crossed lines."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field

from edge.tags.events import EventKind, Outline, Region, Xyxy
from edge.tags.inquiry import Inquiry
from edge.tags.joint import BoxWatch
from edge.tags.line import Crossing
from edge.tags.reading import ParcelLabels
from edge.video.frame import Frame
from edge.zones import Line


@dataclass(frozen=True, slots=True)
class Moment:
    """The frame at which a parcel crossed a line, and how the parcel stood in it."""

    line: Line
    direction: str
    frame: Frame
    regions: tuple[Region, ...]
    stages_ms: Mapping[str, float]

    @property
    def due_s(self) -> float:
        """Second on the camera's time line by which the event must go out."""
        return self.frame.media_s + self.line.deadline_ms / 1000


@dataclass(slots=True)
class Parcel:
    """What is known of one parcel."""

    track_id: int
    labels: ParcelLabels
    inquiry: Inquiry
    class_name: str = ""
    score: float = 0.0
    box: Xyxy = (0.0, 0.0, 0.0, 0.0)
    outline: Outline | None = None
    watch: BoxWatch = field(default_factory=BoxWatch)
    seen_s: float = 0.0
    crossings: dict[str, Crossing] = field(default_factory=dict[str, Crossing])
    waiting: list[Moment] = field(default_factory=list[Moment])
    decided: dict[str, EventKind] = field(default_factory=dict[str, EventKind])
    told: frozenset[str] = frozenset()  # the texts that went out in its events
    swallows: bool = (
        False  # its box became another one after its last event was out: perhaps it is around the next one too
    )
    read_late: bool = False  # its first text was sure when its last event was out

    @property
    def sure(self) -> bool:
        """Whether nothing more needs to be known of it than is."""
        return bool(self.labels.ballot.texts) and self.inquiry.settled

    def continues(self, before: "Parcel | None", now_s: float) -> None:
        """Take over where another one stood and what was told of it; what was read is to be read anew."""
        self.seen_s = now_s
        if before is not None:
            self.crossings = {name: copy(crossing) for name, crossing in before.crossings.items()}
            self.decided = dict(before.decided)
            self.told = before.told


@dataclass(frozen=True, slots=True)
class ParcelView:
    """A parcel as it stands in the newest frame, for whoever draws it."""

    track_id: int
    class_name: str
    xyxy: Xyxy
    texts: tuple[str, ...]
    decided: EventKind | None

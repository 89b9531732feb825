"""How a camera does: its state at one moment, and the stretches in which it showed nothing."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from edge.video.frame import ClockSource

LONGEST_HOLE_S = 1.0  # as long as a track lives unseen: what crosses in a longer one was seen by nobody


class FeedState(str, Enum):
    """How a camera's feed does."""

    STARTING = "starting"
    STREAMING = "streaming"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    FAILED = "failed"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which a live camera showed nothing.

    Attributes:
        start: Capture time of the last frame before it, or the start of the run, UTC.
        end: Capture time of the first frame after it, or the end of the run, UTC.
        cause: `start`, `no_frames`, `camera_lost`, `paused`, `black` or `frozen`.
        clock: Whose times these are; the length was measured by the host's monotonic clock.
    """

    start: datetime
    end: datetime
    cause: str
    clock: ClockSource = ClockSource.HOST


@dataclass(frozen=True, slots=True)
class Drops:
    """Pictures of a camera that were not looked at, by cause.

    Attributes:
        superseded: A newer frame came before anybody had time for them.
        damaged: They came damaged and could not be decoded whole.
        blind: They were black, or repeated what had been seen.
        spared: The scene rested, and no other picture depended on them, so they were not decoded.
    """

    superseded: int = 0
    damaged: int = 0
    blind: int = 0
    spared: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.superseded + self.damaged + self.blind + self.spared


@dataclass(frozen=True, slots=True)
class Health:
    """A feed at one moment.

    Attributes:
        state: How it does.
        since: UTC since when.
        fps: Frames a second over the last frames, None where none came yet.
        reason: What went wrong, None where nothing did.
        frames: Frames captured so far.
        drops: Pictures that nobody looked at.
    """

    state: FeedState
    since: datetime
    fps: float | None
    reason: str | None
    frames: int
    drops: Drops


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when (UTC) and why a camera's frames go by unseen."""

    since: datetime
    reason: str

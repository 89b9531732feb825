"""How a camera does: its state at one moment, and the stretches in which it showed nothing."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


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
    """A stretch in which a live camera gave no frame, and why: `start`, `no_frames`, `camera_lost` or `paused`.

    From the last frame before it (or the start of the run) to the first one after it (or the end of the run), UTC.
    """

    start: datetime
    end: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class Health:
    """A feed at one moment.

    Attributes:
        state: How it does.
        since: UTC since when.
        fps: Frames a second over the last frames, None where none came yet.
        reason: What went wrong, None where nothing did.
        frames: Frames captured so far.
        dropped: Frames of those that nobody had time for.
    """

    state: FeedState
    since: datetime
    fps: float | None
    reason: str | None
    frames: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when (UTC) and why a camera's frames go by unseen."""

    since: datetime
    reason: str

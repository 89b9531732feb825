"""What is known of a feed at one moment, written by its threads and read by everybody: the one place with its lock."""

import threading
from collections import deque
from datetime import datetime, timedelta, timezone

from edge.video.frame import Frame
from edge.video.health import Drops, FeedState, Health, Pause

_FPS_FRAMES = 60


class FeedStatus:
    """State, pause and counts of one camera's feed; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = FeedState.STARTING
        self._since = datetime.now(timezone.utc)
        self._reason: str | None = None
        self._pause: Pause | None = None
        self._arrivals: deque[float] = deque(maxlen=_FPS_FRAMES)
        self._next_index = 0
        self._blind = 0
        self._spared = 0

    @property
    def state(self) -> FeedState:
        """How the feed does; a pause is no state of its source."""
        return self._state

    @property
    def paused(self) -> bool:
        """Whether frames are to go by."""
        return self._pause is not None

    @property
    def next_index(self) -> int:
        """Index of the next frame; indices go on after a reconnect."""
        return self._next_index

    def become(self, state: FeedState, reason: str | None = None, *, ago_s: float = 0.0) -> None:
        """Tell a new state, or a new reason for the same.

        Args:
            state: The state.
            reason: What went wrong, None where nothing did.
            ago_s: Seconds since when it holds, if it is a new one.
        """
        with self._lock:
            if state is not self._state:
                self._since = datetime.now(timezone.utc) - timedelta(seconds=ago_s)
                if state is FeedState.STREAMING:
                    self._arrivals.clear()  # frames a second reckon from the first frame after a loss
            self._state, self._reason = state, reason

    def pause(self, reason: str) -> None:
        """Let frames go by from now on; a pause that holds already stays the one it is."""
        with self._lock:
            if self._pause is None:
                self._pause = Pause(datetime.now(timezone.utc), reason)

    def resume(self) -> None:
        """Take frames again."""
        with self._lock:
            self._pause = None

    def arrived(self, frame: Frame) -> None:
        """Count a frame that came and shows something, whether or not it is looked at."""
        with self._lock:
            self._arrivals.append(frame.arrived_s)
            self._count(frame)

    def arrived_blind(self, frame: Frame) -> None:
        """Count a frame that came and shows nothing."""
        with self._lock:
            self._blind += 1
            self._count(frame)

    def health(self, *, superseded: int, damaged: int) -> Health:
        """Return how the feed does now.

        Args:
            superseded: Frames that were put into the camera's place and nobody got.
            damaged: Pictures that came damaged.
        """
        with self._lock:
            state, reason, since = self._state, self._reason, self._since
            if self._pause is not None and state is FeedState.STREAMING:
                state, reason, since = FeedState.PAUSED, self._pause.reason, self._pause.since
            arrivals = list(self._arrivals)
            drops, frames = Drops(superseded, damaged, self._blind, self._spared), self._next_index
        span_s = arrivals[-1] - arrivals[0] if len(arrivals) > 1 else 0.0
        fps = round((len(arrivals) - 1) / span_s, 1) if span_s > 0 and state is FeedState.STREAMING else None
        return Health(state, since, fps, reason, frames, drops)

    def _count(self, frame: Frame) -> None:
        self._spared += max(0, frame.index - self._next_index)  # whatever else is dropped has had no index yet
        self._next_index = frame.index + 1

"""What a run did, counted: for the last line of `edgekit run`, the demo and the tests."""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.model.engine import EngineInfo
from edge.tags.events import TagEvent

_MOST_DECISIONS = 10_000  # a box that runs for months tells of its latest ones


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Counts and times of one run.

    Attributes:
        seconds: From the start of the cameras to the end of the last step.
        frames: Frames that went through every stage.
        still: Frames of those in which nothing had moved, so that they were not inferred.
        spared: Frames that were not even decoded, since the scene rested and no other depended on them.
        dropped: Frames that a camera delivered and nobody had time for.
        events: Committed events by kind.
        decision_ms: Milliseconds from a deciding frame's arrival to the commit of its event, p50 / p95 / p99.
        undelivered: Events that stay in the outbox for the next run.
        engine: What ran the model at the end.
    """

    seconds: float
    frames: int
    still: int
    spared: int
    dropped: int
    events: Mapping[str, int]
    decision_ms: Mapping[str, float]
    undelivered: int
    engine: EngineInfo

    @property
    def frames_per_second(self) -> float:
        """Frames through every stage by seconds of the run."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


class Tally:
    """Counts committed events and how long each took; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: Counter[str] = Counter()
        self._decisions_ms: deque[float] = deque(maxlen=_MOST_DECISIONS)

    def count(self, events: Sequence[TagEvent]) -> None:
        """Count events that were just committed."""
        now = time.monotonic()
        with self._lock:
            for event in events:
                self._kinds[event.kind.value] += 1
                if event.interval is None:
                    self._decisions_ms.append((now - event.arrived_s) * 1000)

    def kinds(self) -> dict[str, int]:
        """Return the number of events by kind."""
        with self._lock:
            return dict(sorted(self._kinds.items()))

    def decision_ms(self) -> dict[str, float]:
        """Return percentiles of the milliseconds from arrival to commit; empty where nothing was decided."""
        with self._lock:
            if not self._decisions_ms:
                return {}
            values = np.percentile(self._decisions_ms, (50, 95, 99))
        return {name: round(float(value), 1) for name, value in zip(("p50", "p95", "p99"), values, strict=True)}

"""What stands between decisions and the outbox: a disk that refuses stops neither cameras nor what is decided."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from devices.errors import EdgekitError
from edge.mqtt.outbox import Outbox
from edge.tags.events import EventKind, Interval, TagEvent
from edge.video.frame import ClockSource

_log = logging.getLogger(__name__)

NOT_STORED = "not_stored"
MOST_HELD = 1000
_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Missing:
    """Events of one camera that no memory was left for: the time they cover, and how many they are."""

    start: datetime
    end: datetime
    events: int

    def and_also(self, event: TagEvent) -> "_Missing":
        return _Missing(min(self.start, event.captured_at), max(self.end, event.captured_at), self.events + 1)


class EventWriter:
    """Commits events in their order; holds them in memory while the disk refuses, and tells what memory cannot hold.

    May be used from any thread.

    Args:
        outbox: Where they go.
        committed: Called with events and their seqs once they are on disk.
        most_held: Events that are held; beyond them the oldest become one `lost` event a camera, without seqs.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        committed: Callable[[Sequence[TagEvent], Sequence[int]], object],
        most_held: int = MOST_HELD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._committed = committed
        self._most_held = most_held
        self._clock = clock
        self._lock = threading.Lock()
        self._held: list[TagEvent] = []
        self._missing: dict[str, _Missing] = {}
        self._refusal: str | None = None
        self._retry_s = 0.0

    @property
    def alarms(self) -> tuple[str, ...]:
        """What is wrong, for the box's status; nothing where events can be committed."""
        with self._lock:
            if self._refusal is None:
                return ()
            missing = sum(each.events for each in self._missing.values())
            return (f"{self._refusal}; {len(self._held)} events wait in memory, {missing} could not be kept there",)

    def commit(self, events: Sequence[TagEvent]) -> None:
        """Commit events, or hold them until the disk takes them.

        Raises:
            ValueError: An event is not valid; none was committed or is held.
        """
        with self._lock:
            if self._refusal is not None or not self._write(events):
                self._hold(events)

    def try_again(self) -> None:
        """Commit what is held, where the last attempt is long enough ago."""
        with self._lock:
            if self._refusal is not None and self._clock() >= self._retry_s:
                self._write_held()

    def close(self) -> None:
        """Commit what is held, at once.

        Raises:
            EdgekitError: The disk still refuses, so that these events are lost with the process.
        """
        with self._lock:
            if self._refusal is not None and not self._write_held():
                events = len(self._held) + sum(each.events for each in self._missing.values())
                raise EdgekitError(f"{events} events are lost: {self._refusal}")

    def _write_held(self) -> bool:
        told = [_lost(camera, missing) for camera, missing in sorted(self._missing.items())]
        if not self._write([*told, *self._held]):
            return False
        _log.warning("the outbox can be written again: %d events that waited are committed", len(self._held))
        self._refusal, self._held, self._missing = None, [], {}
        return True

    def _write(self, events: Sequence[TagEvent]) -> bool:
        try:
            seqs = self._outbox.commit(events)
        except EdgekitError as exc:
            if self._refusal is None:
                _log.error("%s: events wait in memory", exc)
            self._refusal = str(exc)
            self._retry_s = self._clock() + _RETRY_S
            return False
        self._committed(events, seqs)
        return True

    def _hold(self, events: Sequence[TagEvent]) -> None:
        self._held += events
        while len(self._held) > self._most_held:
            oldest = self._held.pop(0)
            missing = self._missing.get(oldest.camera, _Missing(oldest.captured_at, oldest.captured_at, 0))
            self._missing[oldest.camera] = missing.and_also(oldest)


def _lost(camera: str, missing: _Missing) -> TagEvent:
    return TagEvent(
        camera=camera,
        kind=EventKind.LOST,
        captured_at=missing.end,
        clock=ClockSource.HOST,
        arrived_s=time.monotonic(),
        frame_index=0,
        interval=Interval(missing.start, missing.end, NOT_STORED),
    )

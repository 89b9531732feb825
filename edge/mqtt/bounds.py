"""How much a store of events may hold, and the time that ages count in."""

from dataclasses import dataclass

from edge.mqtt.clock import Clock

_MIB = 1024 * 1024
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a store may hold at most; what lies beyond goes, oldest first.

    Attributes:
        events: Number of events.
        size_bytes: Bytes of all their bodies.
        age_s: Seconds since an event's commit, on the store's own time line.
    """

    events: int = 100_000
    size_bytes: int = 256 * _MIB
    age_s: float = 168 * _HOUR_S

    @classmethod
    def of(cls, events: int, mib: float, hours: float) -> "Bounds":
        """Return bounds in the units that people write."""
        return cls(events, round(mib * _MIB), hours * _HOUR_S)


@dataclass(slots=True)
class Totals:
    """What a table holds now."""

    events: int = 0
    size_bytes: int = 0

    def beyond(self, bounds: Bounds) -> bool:
        """Whether it holds more events or bytes than it may."""
        return self.events > bounds.events or self.size_bytes > bounds.size_bytes


class Timeline:
    """Seconds in which an outbox was in use, over all of its runs: a clock that is set can age nothing.

    Each run goes on from the newest second that the file knows, by the monotonic clock. So what lies in a box that is
    switched off does not age, and nothing is ever older than it says.

    Args:
        clock: Where the monotonic clock comes from.
        begin_s: The newest second in the file.
    """

    def __init__(self, clock: Clock, begin_s: float) -> None:
        self._monotonic = clock.monotonic
        self._offset_s = begin_s - clock.monotonic()

    def now_s(self) -> float:
        """Return the second now."""
        return self._monotonic() + self._offset_s

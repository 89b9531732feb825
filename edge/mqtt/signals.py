"""All that happens to a publisher, in one queue: the one thread that acts on it shares nothing else with the others."""

from dataclasses import dataclass
from queue import Empty, Queue

from edge.mqtt.event_table import Span
from edge.mqtt.link import Acknowledged, Closed, Outgoing, Received
from edge.mqtt.messages import CameraStatusMessage, SwapMessage
from edge.mqtt.shelf_messages import ShelfMessage


@dataclass(frozen=True, slots=True)
class Committed:
    """New events lie in the outbox."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Come to an end, at the latest at this monotonic second."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A command has its reply."""

    message: Outgoing


@dataclass(frozen=True, slots=True)
class Again:
    """Somebody asked for delivered events."""

    span: Span


_MOST_AT_ONCE = 1000  # so that a flood of them does not hold up what is to be sent

Told = CameraStatusMessage | ShelfMessage | SwapMessage
Signal = Committed | Stop | Reply | Again | Told | Acknowledged | Closed | Received


class Signals:
    """The queue. Any thread puts, one takes."""

    def __init__(self) -> None:
        # No SimpleQueue: before Python 3.11 its `get` can wait for ever when its time-out is over as it begins.
        self._queue: Queue[Signal] = Queue()

    def put(self, signal: Signal) -> None:
        """Say that something happened."""
        self._queue.put(signal)

    def take(self, timeout_s: float) -> list[Signal]:
        """Return the signals that are there, after waiting for the first."""
        found: list[Signal] = []
        try:
            found.append(self._queue.get(timeout=max(timeout_s, 0.0)))
            while len(found) < _MOST_AT_ONCE:
                found.append(self._queue.get_nowait())
        except Empty:
            pass
        return found

"""What one connection still has to send and what it waits for, heeding the bound on messages in flight."""

import logging
from dataclasses import dataclass

from edge.mqtt.clock import Clock
from edge.mqtt.conversion import event_message
from edge.mqtt.lanes import Due, Lanes
from edge.mqtt.link import Acknowledged, Link, Outgoing
from edge.mqtt.outbox import Outbox
from edge.mqtt.topics import Topics

_log = logging.getLogger(__name__)

Place = tuple[str, int]  # camera and seq


@dataclass(frozen=True, slots=True)
class Pace:
    """The publisher's times and bounds.

    Attributes:
        status_every_s: Seconds between two box statuses.
        backoff_first_s: Seconds to the first new attempt to connect; doubles with each failure, with jitter.
        backoff_max_s: Seconds beyond which it does not grow.
        refusal_pause_s: Seconds after which events that the broker did not take are sent again.
        stall_s: Seconds without any acknowledgement after which a connection with messages in flight is given up.
        in_flight: Most messages sent and not yet acknowledged; the broker's receive maximum may lower it.
    """

    status_every_s: float = 5.0
    backoff_first_s: float = 1.0
    backoff_max_s: float = 8.0
    refusal_pause_s: float = 10.0
    stall_s: float = 10.0
    in_flight: int = 100


class Session:
    """The sending side of one connection. Used by one thread.

    Retained messages go before events. An event ends when the broker acknowledges it; a refused one stays in the
    outbox and goes again, as history, after a pause.
    """

    def __init__(self, link: Link, outbox: Outbox, topics: Topics, clock: Clock, pace: Pace) -> None:
        self.link = link
        self._outbox = outbox
        self._topics = topics
        self._clock = clock
        self._pace = pace
        self._bound = min(pace.in_flight, link.receive_maximum)
        self._lanes = Lanes(outbox)
        self._retained: dict[str, Outgoing] = {}
        self._in_flight: dict[int, Place | None] = {}
        self._acknowledged: list[Place] = []
        self._progress_s = clock.monotonic()
        self._again_s: float | None = None

    @property
    def quiet(self) -> bool:
        """Whether no message waits to be sent or to be acknowledged, events still in the outbox aside."""
        return not self._in_flight and not self._retained

    @property
    def stalled(self) -> bool:
        """Whether the broker keeps the connection but acknowledges nothing."""
        return bool(self._in_flight) and self._clock.monotonic() >= self._progress_s + self._pace.stall_s

    @property
    def due_s(self) -> float | None:
        """Monotonic seconds at which this session has to act although nothing arrived, None for never."""
        times = [self._progress_s + self._pace.stall_s] if self._in_flight else []
        return min([*times, self._again_s] if self._again_s is not None else times, default=None)

    def retain(self, message: Outgoing) -> None:
        """Send a retained message as soon as there is room, in place of an older one that still waits."""
        self._retained[message.topic] = message

    def fill(self, *, events: bool = True) -> None:
        """Send what there is room for.

        Args:
            events: Send events too, not only retained messages.

        Raises:
            EdgekitError: The outbox cannot be read.
        """
        if self._again_s is not None and self._clock.monotonic() >= self._again_s:
            self._again_s = None
            self._lanes.rewind()
        while self._retained and len(self._in_flight) < self._bound:
            self._send(self._retained.pop(next(iter(self._retained))), None)
        if not events:
            return
        under_way = set(self._in_flight.values())
        for due in self._lanes.take(self._bound - len(self._in_flight)):
            place = (due.event.body.camera, due.event.body.seq)
            if place not in under_way:
                self._send(self._event(due), place)

    def acknowledge(self, signal: Acknowledged) -> None:
        """Note the broker's answer to a message; `settle` makes it durable."""
        place = self._in_flight.pop(signal.mid, None)
        self._progress_s = self._clock.monotonic()
        if signal.refusal is None:
            if place is not None:
                self._acknowledged.append(place)
        elif place is None:
            _log.error("the broker refused a status (%s): check its access rules", signal.refusal)
        elif self._again_s is None:
            self._again_s = self._progress_s + self._pace.refusal_pause_s
            _log.error(
                "the broker refused events, first %s of camera %s (%s): they stay in the outbox and go again in %g s; "
                "check the broker's access rules and quota",
                place[1],
                place[0],
                signal.refusal,
                self._pace.refusal_pause_s,
            )

    def settle(self) -> None:
        """End all acknowledged events in the outbox, with one commit.

        Raises:
            EdgekitError: The outbox cannot be written.
        """
        if self._acknowledged:
            self._outbox.delivered(self._acknowledged)
            self._acknowledged = []

    def _send(self, message: Outgoing, place: Place | None) -> None:
        if not self._in_flight:
            self._progress_s = self._clock.monotonic()
        self._in_flight[self.link.publish(message)] = place

    def _event(self, due: Due) -> Outgoing:
        event = due.event
        own = event.body.run_id == self._outbox.origin.run_id  # monotonic times of another run mean nothing here
        now_s = self._clock.monotonic()
        message = event_message(
            event.body,
            published_at=self._clock.utc(),
            waited_ms=(now_s - event.committed_s) * 1000 if own else None,
            total_ms=(now_s - event.arrived_s) * 1000 if own else None,
            replayed=due.replayed,
        )
        return Outgoing(self._topics.events(event.body.camera), message.to_json().encode())

"""What one connection still has to send and what it waits for, heeding the bound on messages in flight."""

import logging
from collections import deque

from devices.errors import EdgekitError
from edge.mqtt.acknowledgements import Acknowledgements
from edge.mqtt.clock import Clock
from edge.mqtt.conversion import event_message
from edge.mqtt.event_table import Span
from edge.mqtt.in_flight import InFlight, Place
from edge.mqtt.lanes import Due, Lanes
from edge.mqtt.link import Acknowledged, Link, Outgoing, Received
from edge.mqtt.messages import EventMessage
from edge.mqtt.outbox import Outbox
from edge.mqtt.pace import Pace
from edge.mqtt.plc import plc_message
from edge.mqtt.topics import Topics

_log = logging.getLogger(__name__)

_MOST_REPLIES = 32
_DISK_PAUSE_S = 1.0
_HISTORY_EARNED_S = 0.25  # a processor that was busy for so long is made up for, no more
_HISTORY_AT_ONCE = 4  # events that go together, so that the publisher does not wake for each


class Session:
    """The sending side of one connection. Used by one thread.

    Retained messages go before events. An event ends when all named consumers have acknowledged it, or, where none is
    named, when the broker has; a refused one stays in the outbox and goes again, as history, after a pause. So does
    what consumers leave unacknowledged.

    Args:
        link: The connection.
        outbox: Where events come from.
        topics: Of the box.
        acknowledgements: Of the run.
        clock: Where times come from.
        pace: Times and bounds.
        flat: Cameras whose events also go out in their flat form, each after its event.
    """

    def __init__(
        self,
        link: Link,
        outbox: Outbox,
        topics: Topics,
        acknowledgements: Acknowledgements,
        clock: Clock,
        pace: Pace,
        flat: frozenset[str] = frozenset(),
    ) -> None:
        self.link = link
        self._outbox = outbox
        self._topics = topics
        self._acknowledgements = acknowledgements
        self._clock = clock
        self._pace = pace
        self._bound = min(pace.in_flight, link.receive_maximum)
        self._lanes = Lanes(outbox)
        self._retained: dict[str, Outgoing] = {}
        self._replies: deque[Outgoing] = deque(maxlen=_MOST_REPLIES)
        self._flat = flat
        self._flat_waiting: deque[tuple[Outgoing, Place]] = deque()
        self._in_flight = InFlight()
        self._acknowledged: list[Place] = []
        self._settle_s: float | None = None
        self._disk_refused = False
        self._history_in_flight: set[Place] = set()
        self._history_s = clock.monotonic()
        self._progress_s = clock.monotonic()
        self._again_s: float | None = None
        self._history_ahead: set[Place] = set()
        self._confirmed_s: float | None = None  # None: no event waits for a consumer
        self._discard_what_is_too_old()
        for consumer in outbox.consumers:
            link.subscribe(topics.acknowledgements(consumer))

    @property
    def drained(self) -> bool:
        """Whether every event was sent, and the broker has taken all messages over."""
        sent = self._lanes.exhausted if self._outbox.consumers else self._outbox.depth == 0
        return self.quiet and sent

    @property
    def quiet(self) -> bool:
        """Whether no message waits to be sent or to be acknowledged, events still in the outbox aside."""
        return self._in_flight.idle and not self._retained and not self._replies

    @property
    def stalled(self) -> bool:
        """Whether the broker keeps the connection but acknowledges nothing."""
        return len(self._in_flight) > 0 and self._clock.monotonic() >= self._progress_s + self._pace.stall_s

    @property
    def due_s(self) -> float | None:
        """Monotonic seconds at which this session has to act although nothing arrived, None for never."""
        times = [self._progress_s + self._pace.stall_s] if self._in_flight else []
        times += [self._again_s] if self._again_s is not None else []
        times += [self._settle_s] if self._settle_s is not None else []
        if self._only_time_holds_back_the_past:
            times.append(self._history_s + _HISTORY_AT_ONCE / self._pace.history_a_second)
        times += [self._confirmed_s + self._pace.confirm_s] if self._confirmed_s is not None else []
        return min(times, default=None)

    def retain(self, message: Outgoing) -> None:
        """Send a retained message as soon as there is room, in place of an older one that still waits."""
        self._retained[message.topic] = message

    def reply(self, message: Outgoing) -> None:
        """Send a reply to a command as soon as there is room; its client asks again where it gets lost."""
        self._replies.append(message)

    def ask(self, span: Span) -> None:
        """Send delivered events of a span again, after history."""
        self._lanes.ask(span)

    def fill(self, *, events: bool = True) -> None:
        """Send what there is room for.

        Args:
            events: Send events too, not only retained messages.

        Raises:
            EdgekitError: The outbox cannot be read.
        """
        now = self._clock.monotonic()
        if self._again_s is not None and now >= self._again_s:
            self._again_s = None
            self._begin_again()
        if self._confirmed_s is not None and now >= self._confirmed_s + self._pace.confirm_s:
            self._begin_again()
        while self._retained and len(self._in_flight) < self._bound:
            self._send(self._retained.pop(next(iter(self._retained))), None)
        while self._replies and len(self._in_flight) < self._bound:
            self._send(self._replies.popleft(), None)
        if events:
            self._send_due_events(now)

    def _send_due_events(self, now_s: float) -> None:
        while self._flat_waiting and len(self._in_flight) < self._bound:
            self._send(*self._flat_waiting.popleft())
        under_way = self._in_flight.places
        past = self._room_for_history(now_s)
        room = self._bound - len(self._in_flight)
        for due in self._lanes.take((room + 1) // 2 if self._flat else room, min(past, self._room_ahead), past):
            place = (due.event.body.camera, due.event.body.seq)
            if place not in under_way:
                self._send_event(due, place)
                if due.replayed:
                    self._history_in_flight.add(place)
                    self._history_s += 1 / self._pace.history_a_second
                self._acknowledgements.published(*place)
                if not due.ended:
                    self._expect(due, place)

    @property
    def _room_ahead(self) -> int:
        """How many events of the past may go beyond what all named consumers have acknowledged."""
        pace = self._pace
        return pace.history_ahead - len(self._history_ahead) if self._outbox.consumers else pace.history_in_flight

    @property
    def _only_time_holds_back_the_past(self) -> bool:
        """Whether more of the past can go without an answer of anybody, which would wake by itself."""
        room = len(self._in_flight) < self._bound and len(self._history_in_flight) < self._pace.history_in_flight
        return room and (self._lanes.asked_waits or (self._lanes.history_waits and self._room_ahead > 0))

    def _room_for_history(self, now_s: float) -> int:
        """Return how many events of the past may go now: as many as their share of time and of what is in flight."""
        pace = self._pace
        self._history_s = max(self._history_s, now_s - _HISTORY_EARNED_S)
        earned = int((now_s - self._history_s) * pace.history_a_second)
        return max(0, min(earned, pace.history_in_flight - len(self._history_in_flight)))

    def _expect(self, due: Due, place: Place) -> None:
        """Wait for consumers to acknowledge what was just sent, where any are named."""
        if self._outbox.consumers:
            self._confirmed_s = self._clock.monotonic() if self._confirmed_s is None else self._confirmed_s
            if due.replayed:
                self._history_ahead.add(place)

    def _begin_again(self) -> None:
        """Let all that is still pending go again, as history."""
        self._lanes.rewind()
        self._history_ahead.clear()
        self._confirmed_s = self._clock.monotonic() if self._outbox.consumers and self._outbox.depth else None

    def receive(self, message: Received) -> None:
        """Note what a consumer says; `settle` makes it durable."""
        self._acknowledgements.take(message)

    def acknowledge(self, signal: Acknowledged) -> None:
        """Note the broker's answer to a message; `settle` makes it durable."""
        if signal.mid not in self._in_flight:
            return  # went at QoS 0: the client itself says so, and nobody has answered anything
        place, whole = self._in_flight.answered(signal.mid, taken=signal.refusal is None)
        self._progress_s = self._clock.monotonic()
        if place is not None and place not in self._in_flight.places:
            self._history_in_flight.discard(place)
        if signal.refusal is None:
            if place is not None and whole and not self._outbox.consumers:
                self._acknowledged.append(place)
        elif place is None:
            _log.error("the broker refused a status or a reply (%s): check its access rules", signal.refusal)
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

    def settle(self, *, at_once: bool = False) -> None:
        """End all acknowledged events in the outbox, with one commit for the broker's and one for the consumers'.

        A disk that refuses is told once and tried again later: what is not written down is only sent once more.

        Args:
            at_once: Do not wait for more of them to come together.
        """
        if not (self._acknowledged or self._acknowledgements.waiting):
            return
        now = self._clock.monotonic()
        self._settle_s = now + self._pace.settle_s if self._settle_s is None else self._settle_s
        if not at_once and now < self._settle_s:
            return
        try:
            self._end()
        except EdgekitError as exc:
            if not self._disk_refused:
                _log.error("%s: delivered events stay in the outbox until it can", exc)
            self._disk_refused, self._settle_s = True, now + _DISK_PAUSE_S
        else:
            self._disk_refused, self._settle_s = False, None

    def _discard_what_is_too_old(self) -> None:
        """A quiet box commits nothing, and what waits for the broker ages."""
        try:
            self._outbox.keep_within_bounds()
        except EdgekitError as exc:
            _log.error("%s: what is too old goes all the same", exc)

    def _end(self) -> None:
        if self._acknowledged:
            self._outbox.delivered(self._acknowledged)
            self._acknowledged = []
        if self._acknowledgements.settle():
            self._confirmed_s = self._clock.monotonic() if self._outbox.depth else None
            ended = {camera: place.oldest_unacknowledged for camera, place in self._outbox.positions().items()}
            self._history_ahead = {
                (camera, seq) for camera, seq in self._history_ahead if (oldest := ended.get(camera)) and seq >= oldest
            }

    def _send(self, message: Outgoing, place: Place | None) -> None:
        if not self._in_flight:
            self._progress_s = self._clock.monotonic()
        self._in_flight.sent(self.link.publish(message), place)

    def _send_event(self, due: Due, place: Place) -> None:
        """Send an event, and its flat form where its camera has one; that waits where there is room for one alone."""
        event, camera = self._event(due), place[0]
        self._in_flight.begin(place, 2 if camera in self._flat else 1)
        self._send(Outgoing(self._topics.events(camera), event.to_json().encode()), place)
        if camera not in self._flat:
            return
        position = self._outbox.positions()[camera]
        oldest = position.oldest_unacknowledged or position.last_seq + 1
        flat = Outgoing(self._topics.plc(camera), plc_message(event, oldest).to_json().encode())
        if len(self._in_flight) < self._bound:
            self._send(flat, place)
        else:
            self._flat_waiting.append((flat, place))

    def _event(self, due: Due) -> EventMessage:
        event = due.event
        own = event.body.run_id == self._outbox.origin.run_id  # monotonic times of another run mean nothing here
        now_s = self._clock.monotonic()
        return event_message(
            event.body,
            published_at=self._clock.utc(),
            waited_ms=(now_s - event.committed_s) * 1000 if own else None,
            total_ms=(now_s - event.arrived_s) * 1000 if own else None,
            replayed=due.replayed,
        )

"""When one connection has to act although nothing arrived: never at once again, or its thread would spin."""

import time
from typing import TYPE_CHECKING, cast

import pytest

from edge.mqtt.acknowledgements import Acknowledgements
from edge.mqtt.bounds import Bounds
from edge.mqtt.clock import Clock
from edge.mqtt.event_table import Span
from edge.mqtt.link import Acknowledged, Link, Outgoing, Received
from edge.mqtt.outbox import Outbox
from edge.mqtt.pace import Pace
from edge.mqtt.session import Session
from edge.mqtt.topics import Topics

if TYPE_CHECKING:
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox

TOPICS = Topics("hall", "box-1")
PACE = Pace(in_flight=8, history_in_flight=4, history_ahead=6, confirm_s=60.0)


class Recorder:
    """A connection's sending side that keeps what it was given."""

    receive_maximum = 100

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    def subscribe(self, topic: str) -> None:
        pass

    def publish(self, message: Outgoing) -> int:
        self.sent.append(message)
        return len(self.sent)


class Side:
    """A session over an outbox, with a broker that answers when told to."""

    def __init__(self, outbox: Outbox) -> None:
        self.now_s = time.monotonic() + 100.0  # after all that the outbox has written down
        clock = Clock(monotonic=lambda: self.now_s)
        self.recorder = Recorder()
        self.link = cast("Link", self.recorder)
        told = Acknowledgements(outbox, TOPICS)
        self.session = Session(self.link, outbox, TOPICS, told, clock, PACE)
        self._answered = 0

    @property
    def waits_s(self) -> float:
        """Seconds until the session wants to act by itself."""
        due_s = self.session.due_s
        assert due_s is not None
        return due_s - self.now_s

    def pass_by(self, seconds: float) -> None:
        self.now_s += seconds
        self.session.fill()

    def answer_all(self) -> None:
        for mid in range(self._answered + 1, len(self.recorder.sent) + 1):
            self.session.acknowledge(Acknowledged(self.link, mid, None))
        self._answered = len(self.recorder.sent)


def test_history_that_waits_for_a_consumer_wakes_nobody(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    outbox = make_outbox(consumers=("plc",))
    outbox.commit([make_event() for _ in range(50)])
    side = Side(outbox)
    for _ in range(10):
        side.pass_by(1.0)
        side.answer_all()
    side.pass_by(1.0)
    assert len(side.recorder.sent) == PACE.history_ahead
    assert side.waits_s > 1.0


def test_history_that_waits_for_room_behind_live_events_wakes_nobody(
    make_outbox: "MakeOutbox", make_event: "MakeEvent"
) -> None:
    outbox = make_outbox()
    outbox.commit([make_event() for _ in range(50)])
    side = Side(outbox)
    outbox.commit([make_event() for _ in range(20)])
    side.pass_by(1.0)
    assert len(side.recorder.sent) == PACE.in_flight
    assert side.waits_s > 1.0


def test_delivered_events_that_are_asked_for_leave_room_for_live_ones(
    make_outbox: "MakeOutbox", make_event: "MakeEvent"
) -> None:
    outbox = make_outbox(keep=Bounds(events=100))
    outbox.commit([make_event() for _ in range(50)])
    outbox.delivered([("belt", seq) for seq in range(1, 51)])
    side = Side(outbox)
    side.session.ask(Span("belt", 1, 50))
    side.pass_by(1.0)
    assert len(side.recorder.sent) == PACE.history_in_flight
    outbox.commit([make_event()])
    side.session.fill()
    assert b'"replayed":false' in side.recorder.sent[-1].payload
    for _ in range(20):
        side.answer_all()
        side.pass_by(0.1)
    assert len(side.recorder.sent) == 51


def test_what_goes_without_an_answer_hides_no_broker_that_gives_none(
    make_outbox: "MakeOutbox", make_event: "MakeEvent"
) -> None:
    outbox = make_outbox()
    outbox.commit([make_event()])
    side = Side(outbox)
    side.pass_by(1.0)
    for frame in range(20):  # each frame's detections at QoS 0: the client says of them, too, that they went
        side.pass_by(PACE.stall_s / 10)
        side.session.acknowledge(Acknowledged(side.link, 1000 + frame, None))
    assert side.session.stalled


@pytest.mark.parametrize("consumers", [(), ("plc",)])
def test_all_history_goes_in_the_end(
    make_outbox: "MakeOutbox", make_event: "MakeEvent", consumers: tuple[str, ...]
) -> None:
    outbox = make_outbox(consumers=consumers)
    outbox.commit([make_event() for _ in range(50)])
    side = Side(outbox)
    for _ in range(40):
        side.pass_by(0.1)
        side.answer_all()
        upto = str(len(side.recorder.sent)).encode()
        side.session.receive(Received(side.link, TOPICS.acknowledgement("plc", "belt"), upto, retained=False))
        side.session.settle(at_once=True)
    assert len(side.recorder.sent) == 50
    assert outbox.depth == 0

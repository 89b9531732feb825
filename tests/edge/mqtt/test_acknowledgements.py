"""Only a named consumer, of this epoch, for what was published, ends an event; everything else is counted."""

from typing import TYPE_CHECKING, cast

import pytest

from edge.mqtt.acknowledgements import Acknowledgements
from edge.mqtt.clock import Clock
from edge.mqtt.link import Link, Received
from edge.mqtt.outbox import Outbox
from edge.mqtt.topics import Topics

if TYPE_CHECKING:
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox

TOPICS = Topics("hall", "box-1")
LINK = cast("Link", None)  # who brought a message decides nothing


@pytest.fixture
def outbox(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> Outbox:
    made = make_outbox(consumers=("plc", "archive"))
    made.commit([make_event() for _ in range(5)])
    return made


def said(payload: str | bytes, consumer: str = "plc", camera: str = "belt", *, retained: bool = False) -> Received:
    content = payload if isinstance(payload, bytes) else payload.encode()
    return Received(LINK, TOPICS.acknowledgement(consumer, camera), content, retained)


def test_an_event_ends_when_the_slowest_consumer_has_it(outbox: Outbox) -> None:
    desk = Acknowledgements(outbox, TOPICS)
    desk.take(said(f'{{"epoch": "{outbox.epoch}", "upto": 4}}'))
    assert not desk.settle()
    desk.take(said(f'{{"epoch": "{outbox.epoch}", "upto": 2}}', "archive", retained=True))
    assert desk.settle()
    assert [event.body.seq for event in outbox.pending(10)] == [3, 4, 5]
    assert outbox.acknowledged() == {"archive": {"belt": 2}, "plc": {"belt": 4}}
    assert desk.refused == 0


def test_a_plain_number_counts_for_the_present_epoch_unless_it_was_kept_by_the_broker(outbox: Outbox) -> None:
    desk = Acknowledgements(outbox, TOPICS)
    desk.take(said("3"))
    desk.take(said("5", retained=True))
    desk.settle()
    assert outbox.acknowledged()["plc"] == {"belt": 3}
    assert desk.refused == 1


def test_an_acknowledgement_never_goes_back(outbox: Outbox) -> None:
    desk = Acknowledgements(outbox, TOPICS)
    for upto in (4, 1):
        desk.take(said(str(upto)))
        desk.settle()
    assert outbox.acknowledged()["plc"] == {"belt": 4}


@pytest.mark.parametrize(
    "payload",
    [
        '{"epoch": "another", "upto": 1}',
        "6",
        "-1",
        "true",
        "1.5",
        '"1"',
        "[1]",
        '{"upto": 1}',
        '{"epoch": "e", "upto": 1, "more": 1}',
        "not json",
        b"\xff\xfe",
        "[" * 500,
        "1" * 1025,
    ],
)
def test_all_else_is_refused_and_counted(outbox: Outbox, payload: str | bytes) -> None:
    desk = Acknowledgements(outbox, TOPICS)
    desk.take(said(payload))
    assert desk.refused == 1
    assert not desk.settle()
    assert outbox.depth == 5


def test_a_flood_of_acknowledgements_that_are_refused_is_not_one_of_the_log(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    desk = Acknowledgements(outbox, TOPICS, Clock(monotonic=lambda: now[0]))
    for _ in range(1000):
        desk.take(said("6"))
    now[0] = 11.0
    desk.take(said("6"))
    assert desk.refused == 1001
    assert ["(999 others" in record.getMessage() for record in caplog.records] == [False, True]


def test_a_made_up_camera_leaves_nothing_in_the_outbox_and_a_made_up_epoch_no_line_in_the_log(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Acknowledgements(outbox, TOPICS)
    outbox.register_cameras(["new"])
    desk.take(said("0", camera="new"))
    desk.take(said("0", camera="made-up"))
    desk.take(said('{"epoch": "e\\nrefused nothing", "upto": 1}'))
    desk.take(said("0"))
    desk.settle()
    assert desk.refused == 2
    assert outbox.acknowledged()["plc"] == {"belt": 0, "new": 0}
    assert all(record.getMessage().isprintable() for record in caplog.records)


@pytest.mark.parametrize(
    "message", [said("1", "stranger"), said(""), Received(LINK, "edgekit/v1/hall/box-1/ack/plc", b"1", retained=False)]
)
def test_what_is_no_named_consumers_word_is_passed_over(outbox: Outbox, message: Received) -> None:
    desk = Acknowledgements(outbox, TOPICS)
    desk.take(message)
    assert not desk.settle()
    assert desk.refused == 0


def test_what_was_committed_but_not_sent_cannot_be_acknowledged(outbox: Outbox, make_event: "MakeEvent") -> None:
    desk = Acknowledgements(outbox, TOPICS)
    outbox.commit([make_event()])
    desk.take(said("6"))
    assert desk.refused == 1
    desk.published("belt", 6)
    desk.take(said("6"))
    assert desk.refused == 1


def test_a_consumer_that_is_no_longer_named_holds_nothing_back(
    make_outbox: "MakeOutbox", make_event: "MakeEvent"
) -> None:
    first = make_outbox(consumers=("plc", "archive"))
    first.commit([make_event() for _ in range(3)])
    first.acknowledge({("plc", "belt"): 2})
    assert first.depth == 3
    first.close()
    second = make_outbox("run-2", consumers=("plc",))
    assert second.depth == 1
    assert second.acknowledged() == {"plc": {"belt": 2}}


def test_acknowledgements_outlive_a_restart(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    first = make_outbox(consumers=("plc",))
    first.commit([make_event() for _ in range(3)])
    first.acknowledge({("plc", "belt"): 2})
    first.close()
    assert make_outbox("run-2", consumers=("plc",)).acknowledged() == {"plc": {"belt": 2}}


def test_a_stranger_to_the_outbox_is_a_fault_of_the_caller(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="not among the named consumers: stranger"):
        outbox.acknowledge({("stranger", "belt"): 1})

"""What was delivered is kept for a while and goes again when somebody asks, over a real broker."""

from collections.abc import Callable
from typing import Any

import pytest

from devices.errors import EdgekitError
from edge.mqtt.bounds import Bounds
from edge.mqtt.command_messages import CommandMessage, CommandName
from edge.mqtt.event_table import Span
from edge.mqtt.outbox import Outbox
from edge.mqtt.section import Mqtt
from edge.runtime.event_control import EventControl
from edge.runtime.triggers import TriggerDesk

EVENTS = "edgekit/v1/hall/box-1/cameras/belt/events"
Make = Callable[..., Any]
KEEP = Bounds(events=1_000)


def seqs(outbox: Outbox, span: Span) -> list[int]:
    return [stored.body.seq for stored in outbox.kept.page(span, 1_000, 0)]


def kept(outbox: Outbox, first: int, last: int, camera: str = "belt") -> int:
    position = outbox.positions()[camera]
    return outbox.kept.count(Span(camera, first, last), position.last_seq, position.oldest_unacknowledged)


def test_delivered_events_are_kept_within_bounds_of_their_own(make_outbox: Make, make_event: Make):
    outbox = make_outbox(keep=Bounds(events=10))
    outbox.commit([make_event() for _ in range(30)])
    outbox.delivered([("belt", seq) for seq in range(1, 21)])
    assert seqs(outbox, Span("belt", 1, 30)) == list(range(11, 21))
    assert outbox.depth == 10
    outbox.close()
    again = make_outbox("run-2", keep=Bounds(events=5))
    assert seqs(again, Span("belt", 1, 30)) == list(range(16, 21))
    assert again.discarded == 0


def test_acknowledged_events_are_kept_too(make_outbox: Make, make_event: Make):
    outbox = make_outbox(keep=KEEP, consumers=("sorter",))
    outbox.commit([make_event() for _ in range(5)])
    outbox.acknowledge({("sorter", "belt"): 3})
    assert seqs(outbox, Span("belt", 1, 5)) == [1, 2, 3]


def test_what_is_no_longer_kept_or_was_never_there_is_refused(make_outbox: Make, make_event: Make):
    outbox = make_outbox(keep=Bounds(events=10))
    outbox.commit([make_event("dock"), *(make_event() for _ in range(30))])
    outbox.delivered([("belt", seq) for seq in range(1, 21)])
    assert kept(outbox, 12, 25) == 9  # the others still wait, and come anyhow
    with pytest.raises(EdgekitError, match=r"seq 3 of camera belt is no longer kept: the oldest that is has seq 11"):
        kept(outbox, 3, 12)
    with pytest.raises(EdgekitError, match="has seqs 1 to 30 in this epoch"):
        kept(outbox, 12, 31)
    with pytest.raises(EdgekitError, match="has seqs 1 to 30 in this epoch"):
        kept(outbox, 13, 12)
    outbox.delivered([("dock", 1)])
    outbox.delivered([("belt", seq) for seq in range(21, 31)])
    with pytest.raises(EdgekitError, match="no longer kept: none of it is"):
        kept(outbox, 1, 1, "dock")


def test_a_replay_over_the_broker_is_in_order_and_marked_and_ends_nothing_twice(
    make_outbox: Make, make_event: Make, make_publisher: Make, mosquitto: Any, subscribe: Make, eventually: Make
):
    outbox: Outbox = make_outbox(keep=KEEP)
    publisher = make_publisher(outbox, Mqtt(port=mosquitto.port))
    subscriber = subscribe(mosquitto.port)
    publisher.start()
    control = EventControl(outbox, TriggerDesk(outbox.triggers, {}, publisher.replay), publisher.replay)
    outbox.commit([make_event() for _ in range(300)])
    publisher.notify()
    eventually(lambda: outbox.depth == 0)
    asked = CommandMessage(id="c1", client="ops", camera="belt", epoch=outbox.epoch, first=20, last=280)
    assert control.execute(CommandName.REPLAY, asked) == {"events": 261}
    eventually(lambda: len(subscriber.on(EVENTS)) >= 561, 20)
    again = [message.json() for message in subscriber.on(EVENTS)[300:]]
    assert [event["seq"] for event in again] == list(range(20, 281))
    assert all(event["replayed"] for event in again)
    assert kept(outbox, 20, 280) == 261
    other = asked.model_copy(update={"epoch": "0" * 32})
    with pytest.raises(EdgekitError, match=r"epoch 0+ are gone with it"):
        control.execute(CommandName.REPLAY, other)
    with pytest.raises(EdgekitError, match="there is no camera 'door': name one of belt"):
        control.execute(CommandName.REPLAY, asked.model_copy(update={"camera": "door"}))
    with pytest.raises(EdgekitError, match="replay needs camera, epoch, from and to"):
        control.execute(CommandName.REPLAY, CommandMessage(id="c2", client="ops", camera="belt"))


def test_a_command_names_its_seqs_as_the_contract_does():
    told = CommandMessage.model_validate_json('{"id": "a", "client": "b", "epoch": "e", "from": 3, "to": 9}')
    assert (told.first, told.last) == (3, 9)
    assert '"from":3,"to":9' in told.to_json()

from typing import TYPE_CHECKING

import pytest

from edge.mqtt.bounds import Bounds
from edge.mqtt.event_table import Span
from edge.mqtt.lanes import Due, Lanes

if TYPE_CHECKING:
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox


def _told(due: list[Due]) -> list[tuple[int, bool]]:
    return [(one.event.body.seq, one.replayed) for one in due]


def test_live_events_go_before_history_and_each_lane_in_order(
    make_outbox: "MakeOutbox", make_event: "MakeEvent"
) -> None:
    outbox = make_outbox()
    outbox.commit([make_event() for _ in range(4)])
    lanes = Lanes(outbox)
    assert _told(lanes.take(2)) == [(1, True), (2, True)]
    outbox.commit([make_event(), make_event()])
    assert _told(lanes.take(3)) == [(5, False), (6, False), (3, True)]
    assert _told(lanes.take(10)) == [(4, True)]
    assert lanes.take(10) == []


def test_nothing_is_taken_twice_though_it_is_still_pending(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    outbox = make_outbox()
    lanes = Lanes(outbox)
    outbox.commit([make_event()])
    assert _told(lanes.take(10)) == [(1, False)]
    assert lanes.take(10) == []


@pytest.mark.parametrize("room", [0, -3])
def test_without_room_nothing_is_taken(make_outbox: "MakeOutbox", make_event: "MakeEvent", room: int) -> None:
    outbox = make_outbox()
    outbox.commit([make_event()])
    assert Lanes(outbox).take(room) == []


def test_after_a_rewind_what_is_still_pending_goes_again_as_history(
    make_outbox: "MakeOutbox", make_event: "MakeEvent"
) -> None:
    outbox = make_outbox()
    lanes = Lanes(outbox)
    outbox.commit([make_event() for _ in range(4)])
    lanes.take(3)
    outbox.delivered([("belt", 2)])
    lanes.rewind()
    assert _told(lanes.take(10)) == [(4, False), (1, True), (3, True)]


def test_what_waits_to_go_again_goes_once_and_what_is_going_may_be_asked_for_anew(
    make_outbox: "MakeOutbox", make_event: "MakeEvent"
) -> None:
    outbox = make_outbox(keep=Bounds())
    outbox.commit([make_event() for _ in range(4)])
    outbox.delivered([("belt", seq) for seq in range(1, 5)])
    lanes = Lanes(outbox)
    for _ in range(100):
        lanes.ask(Span("belt", 1, 3))
    assert _told(lanes.take(2)) == [(1, True), (2, True)]
    lanes.ask(Span("belt", 1, 3))
    assert _told(lanes.take(10)) == [(seq, True) for seq in (3, 1, 2, 3)]
    assert not lanes.asked_waits


def test_only_so_much_waits_to_go_again(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    outbox = make_outbox(keep=Bounds())
    outbox.commit([make_event()])
    outbox.delivered([("belt", 1)])
    lanes = Lanes(outbox)
    for last in range(1, 2_000):
        lanes.ask(Span("belt", 1, last))
    assert len(lanes.take(5_000)) == 1_000

"""Each event takes effect once, and what is acknowledged is all there, in whatever order events come."""

import sqlite3
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import EdgekitError
from edge.mqtt.conversion import Origin, Stamp, event_body, event_message
from edge.mqtt.inbox import Inbox
from edge.mqtt.messages import BoxState, CameraPosition, EventMessage, StatusMessage
from edge.tags.events import EventKind, Interval, TagEvent
from edge.video.frame import ClockSource

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
LANE = ("hall", "box-1", "belt", "e1")


def event(seq: int, epoch: str = "e1", lost: tuple[tuple[int, int], ...] = ()) -> EventMessage:
    told = TagEvent(
        "belt",
        EventKind.LOST if lost else EventKind.READ,
        NOON,
        ClockSource.HOST,
        0.0,
        0,
        interval=Interval(NOON, NOON, "outbox_full") if lost else None,
    )
    event_id = f"01890000-0000-7000-8000-{seq:012d}"
    stamp = Stamp(event_id=event_id, epoch=epoch, seq=seq, host_synchronised=True, lost_seqs=lost)
    body = event_body(told, Origin("hall", "box-1", "run-1"), stamp)
    return event_message(body, published_at=NOON, waited_ms=None, total_ms=None, replayed=False)


def status(last: int, oldest: int | None, epoch: str = "e1") -> StatusMessage:
    return StatusMessage(
        site="hall",
        box="box-1",
        run_id="run-1",
        state=BoxState.ONLINE,
        reason=None,
        since=NOON,
        published_at=NOON,
        versions={},
        model_digest=None,
        epoch=epoch,
        outbox_depth=0,
        cameras={"belt": CameraPosition(last_seq=last, oldest_unacknowledged=oldest)},
        consumers={},
        refused_acknowledgements=0,
    )


def count(connection: sqlite3.Connection, taken: EventMessage) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS effects (epoch TEXT, seq INTEGER)")
    connection.execute("INSERT INTO effects VALUES (?, ?)", (taken.epoch, taken.seq))


def effects(path: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT epoch, seq FROM effects ORDER BY rowid").fetchall()


def test_live_events_take_effect_at_once_and_are_acknowledged_when_history_has_come(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite", count) as inbox:
        assert inbox.begin(status(3, 1)) == {"belt": 0}
        assert inbox.take([event(3)]).upto == {LANE: 0}
        assert inbox.take([event(1)]).upto == {LANE: 1}
        assert inbox.take([event(2)]).upto == {LANE: 3}
    assert effects(tmp_path / "inbox.sqlite") == [("e1", 3), ("e1", 1), ("e1", 2)]


def test_an_event_that_comes_again_has_no_second_effect_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "inbox.sqlite"
    with Inbox(path, count) as inbox:
        inbox.begin(status(2, 1))
        inbox.take([event(1), event(1)])
        inbox.take([event(4)])
    with Inbox(path, count) as inbox:
        taken = inbox.take([event(1), event(4), event(2)])
        assert [one.seq for one in taken.new] == [2]
        assert taken.upto == {LANE: 2}
    assert effects(path) == [("e1", 1), ("e1", 4), ("e1", 2)]


def test_events_from_before_the_consumer_was_named_are_not_waited_for(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite", count) as inbox:
        assert inbox.take([event(8)]).upto == {}  # nothing is known of its lane yet
        assert inbox.begin(status(8, 7)) == {"belt": 6}
        assert inbox.take([event(7)]).upto == {LANE: 8}
        assert inbox.begin(status(9, 9)) == {"belt": 8}


def test_a_status_that_was_old_does_not_let_a_new_consumer_wait_for_ever(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite", count) as inbox:
        inbox.begin(status(8, 3))  # retained, of before the box was killed
        assert inbox.take([event(9)]).upto == {LANE: 2}
        assert inbox.begin(status(9, 9)) == {"belt": 9}


def test_a_box_that_holds_nothing_begins_at_its_last_event(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite", count) as inbox:
        assert inbox.begin(status(5, None)) == {"belt": 5}
        assert inbox.take([event(6)]).upto == {LANE: 6}


def test_what_is_told_as_lost_is_not_waited_for(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite", count) as inbox:
        inbox.begin(status(0, None))
        assert inbox.take([event(1), event(6, lost=((2, 4),))]).upto == {LANE: 4}
        assert inbox.take([event(5)]).upto == {LANE: 6}


def test_each_epoch_counts_for_itself(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite", count) as inbox:
        inbox.begin(status(1, 1))
        inbox.begin(status(0, None, epoch="e2"))
        taken = inbox.take([event(1), event(1, "e2")])
    assert taken.upto == {LANE: 1, (*LANE[:3], "e2"): 1}
    assert len(taken.new) == 2


def test_an_effect_that_fails_takes_its_batch_back(tmp_path: Path) -> None:
    path = tmp_path / "inbox.sqlite"

    def refuse_two(connection: sqlite3.Connection, taken: EventMessage) -> None:
        count(connection, taken)
        if taken.seq == 2:
            raise RuntimeError("no")

    with Inbox(path, refuse_two) as inbox:
        inbox.begin(status(3, 1))
        inbox.take([event(1)])
        with pytest.raises(RuntimeError, match="no"):
            inbox.take([event(3), event(2)])
    with Inbox(path, count) as inbox:
        assert inbox.take([event(2), event(3)]).upto == {LANE: 3}
    assert effects(path) == [("e1", 1), ("e1", 2), ("e1", 3)]


def test_a_store_that_cannot_be_opened_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EdgekitError, match="cannot open the store"):
        Inbox(tmp_path / "missing" / "inbox.sqlite", count)
    (tmp_path / "text").write_text("no database at all, whatever one may say" * 20)
    with pytest.raises(EdgekitError, match="cannot open the store"):
        Inbox(tmp_path / "text", count)


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=8), st.integers(1, 4))
def test_in_any_order_with_any_repeats_each_takes_effect_once(order: list[int], repeats: list[int], batch: int) -> None:
    seqs = [*order, *repeats]
    seen: list[int] = []
    with Inbox(Path(":memory:"), lambda _connection, taken: seen.append(taken.seq)) as inbox:
        inbox.begin(status(8, 1))
        for start in range(0, len(seqs), batch):
            part = seqs[start : start + batch]
            upto = inbox.take([event(seq) for seq in part]).upto[LANE]
            assert set(range(1, upto + 1)) <= set(seqs[: start + batch])
            assert upto + 1 not in seqs[: start + batch]
    assert sorted(seen) == list(range(1, 9))

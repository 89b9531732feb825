"""Bounds by number, bytes and age: what goes is told exactly, and no clock that is set makes anything go."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.mqtt.bounds import Bounds
from edge.mqtt.clock import Clock
from edge.mqtt.event_table import Span
from edge.mqtt.outbox import Outbox
from edge.tags.events import EventKind, TagEvent

DAY_S = 86_400.0
MakeOutbox = Callable[..., Outbox]
MakeEvent = Callable[..., TagEvent]


@dataclass
class Hands:
    """Both clocks of a host, set by hand."""

    monotonic_s: float = 5_000.0
    utc: datetime = field(default_factory=lambda: datetime(2026, 3, 1, 12, tzinfo=timezone.utc))

    def clock(self) -> Clock:
        return Clock(lambda: self.monotonic_s, lambda: self.utc, lambda: True)


def seqs_lost(outbox: Outbox, cause: str) -> list[tuple[int, int]]:
    told = [stored.body for stored in outbox.pending(1_000) if stored.body.kind is EventKind.LOST]
    return [span for body in told if body.interval and body.interval.cause == cause for span in body.interval.seqs]


def test_beyond_the_bound_on_bytes_the_oldest_are_told_as_lost(make_outbox: MakeOutbox, make_event: MakeEvent):
    outbox = make_outbox(bounds=Bounds(size_bytes=100_000))
    for _ in range(100):
        outbox.commit([make_event(text="x" * 2_000)])
    kept = [stored.body for stored in outbox.pending(1_000)]
    assert sum(len(body.to_json().encode()) for body in kept) <= 100_000
    reads = [body.seq for body in kept if body.kind is EventKind.READ]
    assert len(reads) > 20
    last = outbox.positions()["belt"].last_seq
    told = {seq for first, end in seqs_lost(outbox, "outbox_full") for seq in range(first, end + 1)}
    assert told | {body.seq for body in kept} == set(range(1, last + 1))
    assert not told & {body.seq for body in kept}
    assert outbox.filled <= 1


def test_what_is_too_old_is_told_as_lost_also_where_nothing_new_comes(make_outbox: MakeOutbox, make_event: MakeEvent):
    hands = Hands()
    outbox = make_outbox(bounds=Bounds(age_s=DAY_S), clock=hands.clock())
    outbox.commit([make_event(), make_event()])
    hands.monotonic_s += DAY_S / 2
    outbox.commit([make_event()])
    hands.monotonic_s += DAY_S / 2 + 1
    outbox.keep_within_bounds()
    assert seqs_lost(outbox, "outbox_age") == [(1, 2)]
    assert [stored.body.seq for stored in outbox.pending(10)] == [3, 4]


@pytest.mark.parametrize("days", [-1, 1, 3650, -3650])
def test_a_clock_that_is_set_ages_nothing_and_its_time_is_told(
    make_outbox: MakeOutbox, make_event: MakeEvent, days: int
):
    hands = Hands()
    outbox = make_outbox(bounds=Bounds(age_s=3_600), keep=Bounds(age_s=3_600), clock=hands.clock())
    outbox.commit([make_event() for _ in range(3)])
    outbox.delivered([("belt", 1)])
    hands.utc += timedelta(days=days)
    outbox.commit([make_event()])
    outbox.close()
    hands.utc -= timedelta(days=days / 2)
    again = make_outbox("run-2", bounds=Bounds(age_s=3_600), keep=Bounds(age_s=3_600), clock=hands.clock())
    again.commit([make_event()])
    assert [stored.body.seq for stored in again.pending(10)] == [2, 3, 4, 5]
    assert again.kept.count(Span("belt", 1, 5), 5, 2) == 1
    assert again.discarded == 0


def test_age_counts_on_over_a_reboot_in_which_the_monotonic_clock_begins_anew(
    make_outbox: MakeOutbox, make_event: MakeEvent
):
    hands = Hands(monotonic_s=2 * DAY_S)
    first = make_outbox(bounds=Bounds(age_s=DAY_S), clock=hands.clock())
    first.commit([make_event()])
    hands.monotonic_s += DAY_S / 2
    first.commit([make_event()])
    first.close()
    hands.monotonic_s = 3.0
    second = make_outbox("run-2", bounds=Bounds(age_s=DAY_S), clock=hands.clock())
    assert [stored.body.seq for stored in second.pending(10)] == [1, 2]
    hands.monotonic_s += DAY_S * 0.6
    second.keep_within_bounds()
    assert seqs_lost(second, "outbox_age") == [(1, 1)]


def test_a_loss_that_still_waits_is_known_to_the_next_run(make_outbox: MakeOutbox, make_event: MakeEvent):
    outbox = make_outbox(bounds=Bounds(events=100))
    outbox.commit([make_event() for _ in range(150)])
    discarded = outbox.discarded
    outbox.close()
    again = make_outbox("run-2", bounds=Bounds(events=100))
    assert again.discarded == discarded > 0
    again.delivered([("belt", stored.body.seq) for stored in again.pending(200)])
    again.close()
    assert make_outbox("run-3").discarded == 0


def test_an_outbox_of_before_ages_were_counted_is_taken_over_whole(
    make_outbox: MakeOutbox, make_event: MakeEvent, tmp_path: Path
):
    outbox = make_outbox()
    outbox.commit([make_event(), make_event()])
    outbox.close()
    with sqlite3.connect(tmp_path / "outbox.sqlite") as raw:
        raw.execute("ALTER TABLE events DROP COLUMN timeline_s")
        raw.execute("DROP TABLE kept")
        raw.execute("DROP TABLE triggers")
    raw.close()
    again = make_outbox("run-2", bounds=Bounds(age_s=60))
    assert [stored.body.seq for stored in again.pending(10)] == [1, 2]
    again.delivered([("belt", 1)])
    assert again.commit([make_event()]) == (3,)

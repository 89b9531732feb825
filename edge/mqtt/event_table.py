"""A table of committed events, as SQL: `events` holds what is to be delivered, `kept` what was, for a while longer.

Neither locks nor transactions are begun here: whoever holds the outbox's does.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from edge.mqtt.bounds import Bounds, Totals
from edge.mqtt.losses import Doomed, told_by
from edge.mqtt.messages import EventBody
from edge.mqtt.wire import format_utc
from edge.tags.events import EventKind

_COLUMNS = "position, camera, seq, kind, captured_at, arrived_s, committed_s, body, timeline_s"
_BYTES = "length(CAST(body AS BLOB))"
_SLACK_SHARE = 100  # what goes is a hundredth more than must, so that not every commit has to discard


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds at which an event came to be.

    Attributes:
        arrived_s: Arrival of its frame, by the monotonic clock of its run.
        committed_s: Its commit, by the same clock.
        timeline_s: Its commit, on the outbox's own time line.
    """

    arrived_s: float
    committed_s: float
    timeline_s: float


Row = tuple[int, str, float, float]  # position, body, arrived_s, committed_s


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A committed event.

    Attributes:
        position: Its place in the order of commits over all cameras; grows, and is never used twice.
        body: The event.
        arrived_s: Monotonic seconds at which its frame arrived; means something in its own run only.
        committed_s: Monotonic seconds of its commit; likewise.
    """

    position: int
    body: EventBody
    arrived_s: float
    committed_s: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a camera's events, from one seq to another, both inside."""

    camera: str
    first: int
    last: int


class EventTable:
    """One of the two tables, with what it holds in sum.

    Args:
        connection: To the outbox's file.
        name: Of the table.
    """

    def __init__(self, connection: sqlite3.Connection, name: Literal["events", "kept"]) -> None:
        self._connection = connection
        self.name = name
        self.totals = self._sum("TRUE", ())

    def remember(self) -> Callable[[], None]:
        """Return what takes the totals back to what they are now."""
        totals = self.totals

        def restore() -> None:
            self.totals = totals

        return restore

    def insert(self, body: EventBody, times: Times) -> None:
        """Add an event with the next position."""
        text = body.to_json()
        self._connection.execute(
            f"INSERT INTO {self.name} ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                body.camera,
                body.seq,
                body.kind.value,
                format_utc(body.captured_at.time),
                times.arrived_s,
                times.committed_s,
                text,
                times.timeline_s,
            ),
        )
        self.reckon(1, len(text.encode()))

    def page(self, limit: int, after: int, upto: int | None = None, of: Span | None = None) -> list[Row]:
        """Return events in the order of their positions.

        Args:
            limit: The most to return.
            after: Only positions above this one.
            upto: Only positions up to and with this one, None for no end.
            of: Only events of this span, None for all.
        """
        camera, first, last = (of.camera, of.first, of.last) if of is not None else (None, 0, 0)
        query = (
            f"SELECT position, body, arrived_s, committed_s FROM {self.name} "  # noqa: S608 - fixed texts
            "WHERE position > ? AND (? IS NULL OR position <= ?) AND (? IS NULL OR camera = ? AND seq BETWEEN ? AND ?) "
            "ORDER BY position LIMIT ?"
        )
        return self._connection.execute(query, (after, upto, upto, camera, camera, first, last, limit)).fetchall()

    def oldest_seq(self, camera: str) -> int | None:
        """Return the lowest seq of a camera, None where it has no event here."""
        query = f"SELECT min(seq) FROM {self.name} WHERE camera = ?"  # noqa: S608 - fixed texts
        found: int | None = self._connection.execute(query, (camera,)).fetchone()[0]
        return found

    def count(self, span: Span) -> int:
        """Return how many events of a span are here."""
        return self._sum("camera = ? AND seq BETWEEN ? AND ?", (span.camera, span.first, span.last)).events

    def move_to(self, other: "EventTable", which: str, arguments: Iterable[Sequence[object]]) -> None:
        """Move events to another table; `which` is an SQL condition, used once with each of the arguments."""
        for values in arguments:
            moved = self._sum(which, values)
            if moved.events:
                query = f"INSERT INTO {other.name} SELECT {_COLUMNS} FROM {self.name} WHERE {which}"  # noqa: S608
                self._connection.execute(query, values)
                other.reckon(moved.events, moved.size_bytes)
                self.delete(which, values)

    def delete(self, which: str, arguments: Sequence[object]) -> None:
        """Delete events of which nothing has to be told; `which` is an SQL condition."""
        gone = self._sum(which, arguments)
        self._connection.execute(f"DELETE FROM {self.name} WHERE {which}", arguments)  # noqa: S608 - fixed texts
        self.reckon(-gone.events, -gone.size_bytes)

    def take_out(self, which: str, arguments: Sequence[object]) -> list[Doomed]:
        """Delete events and return what has to be told of them, oldest first; `which` is an SQL condition."""
        query = f"SELECT camera, seq, captured_at, kind, body FROM {self.name} WHERE {which} ORDER BY position"  # noqa: S608
        rows = self._connection.execute(query, arguments).fetchall()
        self.delete(which, arguments)
        return [
            Doomed(camera, seq, datetime.fromisoformat(captured_at.replace("Z", "+00:00")), told_by(kind, body))
            for camera, seq, captured_at, kind, body in rows
        ]

    def told_as_lost(self) -> int:
        """Return how many events the `lost` ones among these tell of."""
        query = f"SELECT kind, body FROM {self.name} WHERE kind = ?"  # noqa: S608 - fixed texts
        told = (told_by(*row) for row in self._connection.execute(query, (EventKind.LOST.value,)))
        return sum(last - first + 1 for interval in told if interval for first, last in interval.seqs)

    def too_old_upto(self, oldest_s: float) -> int | None:
        """Return the position up to which events were committed before a second of the time line, None for none."""
        return self._last_to_go(lambda _events, _size, timeline_s: timeline_s >= oldest_s)

    def too_many_upto(self, bounds: Bounds, room_events: int = 0, room_bytes: int = 0) -> int | None:
        """Return the position up to which events must go, None where all may stay.

        Args:
            bounds: What may stay.
            room_events: Events that will be added for those that go.
            room_bytes: Bytes that will be added.
        """
        if not self.totals.beyond(bounds):
            return None
        most = replace(
            bounds,
            events=bounds.events - room_events - bounds.events // _SLACK_SHARE,
            size_bytes=bounds.size_bytes - room_bytes - bounds.size_bytes // _SLACK_SHARE,
        )
        return self._last_to_go(lambda events, size_bytes, _s: events <= most.events and size_bytes <= most.size_bytes)

    def _last_to_go(self, may_stay: Callable[[int, int, float], bool]) -> int | None:
        """Walk from the oldest event on; return the position of the last that may not stay, None for none."""
        events, size_bytes, upto = self.totals.events, self.totals.size_bytes, None
        query = f"SELECT position, {_BYTES}, timeline_s FROM {self.name} ORDER BY position"  # noqa: S608 - fixed texts
        for position, size, timeline_s in self._connection.execute(query):
            if may_stay(events, size_bytes, timeline_s):
                break
            events, size_bytes, upto = events - 1, size_bytes - size, position
        return upto

    def _sum(self, which: str, arguments: Sequence[object]) -> Totals:
        query = f"SELECT count(*), coalesce(sum({_BYTES}), 0) FROM {self.name} WHERE {which}"  # noqa: S608
        return Totals(*self._connection.execute(query, arguments).fetchone())

    def reckon(self, events: int, size_bytes: int) -> None:
        """Note that so much came in addition."""
        self.totals = Totals(self.totals.events + events, self.totals.size_bytes + size_bytes)

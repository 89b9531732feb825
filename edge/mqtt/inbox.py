"""The consumer's durable side: which events it has, so that each takes effect once, however often it comes.

An event and its effect are one transaction of one SQLite file. What the box may forget is the unbroken run of seqs
that is stored: a live event can come long before the history that belongs before it.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import final

from devices.errors import EdgekitError
from edge.mqtt.messages import EventMessage, StatusMessage

Effect = Callable[[sqlite3.Connection, EventMessage], None]
Lane = tuple[str, str, str, str]  # site, box, camera, epoch

_TABLES = """
CREATE TABLE IF NOT EXISTS lanes (
    site TEXT, box TEXT, camera TEXT, epoch TEXT, upto INTEGER NOT NULL,
    PRIMARY KEY (site, box, camera, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ahead (
    site TEXT, box TEXT, camera TEXT, epoch TEXT, first INTEGER, last INTEGER NOT NULL, is_event INTEGER NOT NULL,
    PRIMARY KEY (site, box, camera, epoch, first, is_event)
) WITHOUT ROWID;
"""
_OF_LANE = "site = ? AND box = ? AND camera = ? AND epoch = ?"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch of events came to.

    Attributes:
        new: Those that took effect, in their order; the others were here before.
        upto: By lane, the seq up to which nothing is missing.
    """

    new: tuple[EventMessage, ...]
    upto: dict[Lane, int]


@final
class Inbox:
    """The store of one consumer.

    Args:
        path: The SQLite file, created where it is missing.
        effect: Called once for each event within its transaction: what it writes with the connection is stored with
            the event or not at all. Whatever it raises takes the whole batch back, to come again.

    Raises:
        EdgekitError: The file cannot be opened.
    """

    def __init__(self, path: Path, effect: Effect) -> None:
        self._effect = effect
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_TABLES)
        except sqlite3.Error as exc:
            raise EdgekitError(
                f"cannot open the store {path}: {exc}; check its folder, its rights and the disk"
            ) from exc

    def __enter__(self) -> "Inbox":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._connection.close()

    def begin(self, status: StatusMessage) -> dict[str, int]:
        """Learn from a box's status where its lanes begin: what the box no longer holds will never come.

        It ended before this consumer was named, or this store was made; what a bound discarded is told by `lost`.

        Returns:
            By camera, the seq up to which nothing is missing in the status's epoch.
        """
        upto: dict[str, int] = {}
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for camera, position in status.cameras.items():
                lane = (status.site, status.box, camera, status.epoch)
                oldest = position.oldest_unacknowledged
                before = position.last_seq if oldest is None else oldest - 1
                self._connection.execute(
                    "INSERT INTO lanes VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (site, box, camera, epoch) DO UPDATE SET upto = max(upto, excluded.upto)",
                    (*lane, before),
                )
                upto[camera] = self._advance(lane) or 0
        return upto

    def take(self, events: Sequence[EventMessage]) -> Taken:
        """Store events with their effects, all or none.

        Raises:
            EdgekitError: The disk refuses.
        """
        lanes = {(event.site, event.box, event.camera, event.epoch) for event in events}
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                new = tuple(event for event in events if self._is_new(event))
                known = {lane: upto for lane in lanes if (upto := self._advance(lane)) is not None}
        except sqlite3.Error as exc:
            raise EdgekitError(f"the store cannot be written: {exc}; check its disk") from exc
        return Taken(new, known)

    def _is_new(self, event: EventMessage) -> bool:
        lane = (event.site, event.box, event.camera, event.epoch)
        if event.seq <= (self._upto(lane) or 0):
            return False
        ranges = [(event.seq, event.seq, 1)]
        if event.interval is not None:
            ranges += [(first, last, 0) for first, last in event.interval.seqs]
        inserted = [
            self._connection.execute(
                "INSERT OR IGNORE INTO ahead VALUES (?, ?, ?, ?, ?, ?, ?)", (*lane, *span)
            ).rowcount
            for span in ranges
        ]
        if inserted[0] == 0:
            return False
        self._effect(self._connection, event)
        return True

    def _upto(self, lane: Lane) -> int | None:
        row = self._connection.execute(f"SELECT upto FROM lanes WHERE {_OF_LANE}", lane).fetchone()  # noqa: S608
        return None if row is None else int(row[0])

    def _advance(self, lane: Lane) -> int | None:
        """Move a lane over all that is stored without a hole; return its new end, None for a lane not yet begun."""
        upto = self._upto(lane)
        if upto is None:
            return None
        query = f"SELECT first, last FROM ahead WHERE {_OF_LANE} ORDER BY first"  # noqa: S608 - fixed texts
        for first, last in self._connection.execute(query, lane):
            if first > upto + 1:
                break
            upto = max(upto, last)
        self._connection.execute(f"UPDATE lanes SET upto = ? WHERE {_OF_LANE}", (upto, *lane))  # noqa: S608
        self._connection.execute(f"DELETE FROM ahead WHERE {_OF_LANE} AND last <= ?", (*lane, upto))  # noqa: S608
        return upto

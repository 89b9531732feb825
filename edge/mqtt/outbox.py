"""The durable store between a decision and its delivery: what was committed is published, or told as lost.

One connection under one lock: SQLite has one writer anyhow, a commit must not return before it is on disk, and so a
writer thread would only add a hop. Whoever has several events commits them together and pays for one fsync.
"""

import logging
import sqlite3
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import final

from pydantic import ValidationError

from devices.errors import EdgekitError
from edge.identifiers import uuid7
from edge.mqtt.clock import SYSTEM_CLOCK, Clock
from edge.mqtt.conversion import Origin, Stamp, event_body
from edge.mqtt.losses import Doomed, Loss, losses, told_by
from edge.mqtt.messages import CameraPosition, EventBody
from edge.mqtt.outbox_file import OutboxFile, open_file
from edge.mqtt.wire import format_utc
from edge.tags.events import EventKind, TagEvent
from edge.video.frame import ClockSource

_log = logging.getLogger(__name__)

OUTBOX_FULL = "outbox_full"
UNREADABLE = "unreadable"
_SLACK_SHARE = 100  # a discard frees a hundredth more than it must, so that not every commit discards


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """A committed event that is not yet delivered.

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


@final
class Outbox:
    """Events from commit to delivery, in one SQLite file that survives a power cut.

    seq counts from 1 for each camera and epoch, is given in the committing transaction and never goes back. Beyond
    `max_events` undelivered ones the oldest are discarded, told by one `lost` event a camera in the same transaction.
    All methods may be called from any thread.

    Attributes:
        epoch: Born with the file; seqs count within it.
        origin: Whose events are committed.
        consumers: Who must acknowledge an event before it ends.
        discarded: Events that this run discarded undelivered, each told by a `lost` event.
    """

    def __init__(
        self,
        file: OutboxFile,
        *,
        max_events: int,
        origin: Origin,
        consumers: Sequence[str] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._connection = file.connection
        self._lock = threading.RLock()
        self._max_events = max_events
        self._clock = clock
        self.epoch = file.epoch
        self.origin = origin
        self.consumers = tuple(consumers)
        self.discarded = 0
        self._depth = int(self._connection.execute("SELECT count(*) FROM events").fetchone()[0])
        self._welcome_consumers()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        max_events: int,
        origin: Origin,
        consumers: Sequence[str] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> "Outbox":
        """Open the outbox in a file, creating it where it is missing.

        Args:
            path: The SQLite file.
            max_events: Undelivered events that are kept.
            origin: Whose events are committed from now on.
            consumers: Who must acknowledge an event before it ends; without any, `delivered` ends it.
            clock: Where times come from.

        Raises:
            EdgekitError: See `open_file`. A corrupt file is no error: it is set aside, and a new epoch begins.
        """
        return cls(open_file(path), max_events=max_events, origin=origin, consumers=consumers, clock=clock)

    def use_model(self, digest: str) -> None:
        """Name another model in the status, and in events from now on that name none themselves."""
        self.origin = replace(self.origin, model_digest=digest)

    def __enter__(self) -> "Outbox":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file. What is pending stays in it."""
        with self._lock:
            self._connection.close()

    @property
    def depth(self) -> int:
        """Undelivered events."""
        return self._depth

    @property
    def last_position(self) -> int:
        """Position of the newest commit, 0 before the first."""
        with self._reading():
            row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(row[0]) if row else 0

    def register_cameras(self, cameras: Iterable[str]) -> None:
        """Remember cameras, so that a later run knows of them although they had no event.

        Raises:
            EdgekitError: The disk refuses.
        """
        with self._transaction():
            rows = [(camera,) for camera in cameras]
            self._connection.executemany("INSERT OR IGNORE INTO cameras (camera, last_seq) VALUES (?, 0)", rows)

    def positions(self) -> dict[str, CameraPosition]:
        """Return by camera, in the order of names, how far its events have come."""
        query = "SELECT camera, last_seq, (SELECT min(seq) FROM events e WHERE e.camera = c.camera) FROM cameras c"
        with self._reading():
            rows = self._connection.execute(query).fetchall()
        return {camera: CameraPosition(last_seq=last, oldest_unacknowledged=oldest) for camera, last, oldest in rows}

    def commit(self, events: Sequence[TagEvent]) -> tuple[int, ...]:
        """Make events durable, all or none, and return their seqs. They may be published once this has returned.

        Raises:
            EdgekitError: The disk refuses.
            ValueError: An event is not valid, see `event_body`.
        """
        with self._transaction():
            seqs = tuple(self._insert(event) for event in events)
            self._keep_within_bound()
        return seqs

    def pending(self, limit: int, *, after: int = 0, upto: int | None = None) -> list[PendingEvent]:
        """Return undelivered events in the order of their commits.

        Args:
            limit: The most to return.
            after: Only positions above this one.
            upto: Only positions up to and with this one, None for no end.

        Raises:
            EdgekitError: The disk refuses.
        """
        query = (
            "SELECT position, body, arrived_s, committed_s FROM events "
            "WHERE position > ? AND (? IS NULL OR position <= ?) ORDER BY position LIMIT ?"
        )
        with self._reading():
            rows = self._connection.execute(query, (after, upto, upto, limit)).fetchall()
        events = (self._read(*row) for row in rows)
        return [event for event in events if event is not None]

    def delivered(self, places: Iterable[tuple[str, int]]) -> None:
        """End events, each named by camera and seq, that the broker has taken over. Unknown ones are ignored.

        Raises:
            EdgekitError: The disk refuses.
        """
        with self._transaction():
            before = self._connection.total_changes
            self._connection.executemany("DELETE FROM events WHERE camera = ? AND seq = ?", places)
            self._depth -= self._connection.total_changes - before

    def acknowledge(self, upto: Mapping[tuple[str, str], int]) -> None:
        """Note how far consumers have come, and end what all of them have.

        Args:
            upto: The seq up to which a consumer has a camera's events, by consumer and camera. Never goes back.

        Raises:
            EdgekitError: The disk refuses.
            ValueError: A consumer is not named.
        """
        strangers = {consumer for consumer, _ in upto} - set(self.consumers)
        if strangers:
            raise ValueError(f"not among the named consumers: {', '.join(sorted(strangers))}")
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO acknowledgements (consumer, camera, upto) VALUES (?, ?, ?) "
                "ON CONFLICT (consumer, camera) DO UPDATE SET upto = max(upto, excluded.upto)",
                [(consumer, camera, seq) for (consumer, camera), seq in upto.items()],
            )
            self._end_acknowledged()

    def acknowledged(self) -> dict[str, dict[str, int]]:
        """Return by consumer and camera the seq up to which events are acknowledged."""
        by_consumer: dict[str, dict[str, int]] = {consumer: {} for consumer in self.consumers}
        with self._reading():
            for consumer, camera, upto in self._connection.execute(
                "SELECT consumer, camera, upto FROM acknowledgements ORDER BY consumer, camera"
            ):
                by_consumer[consumer][camera] = upto
        return by_consumer

    def _welcome_consumers(self) -> None:
        """Forget consumers that are no longer named, which may end events that waited for them alone."""
        with self._transaction():
            known = [row[0] for row in self._connection.execute("SELECT DISTINCT consumer FROM acknowledgements")]
            gone = [(consumer,) for consumer in known if consumer not in self.consumers]
            self._connection.executemany("DELETE FROM acknowledgements WHERE consumer = ?", gone)
            self._end_acknowledged()

    def _end_acknowledged(self) -> None:
        if not self.consumers:
            return
        query = "SELECT camera, min(upto) FROM acknowledgements GROUP BY camera HAVING count(*) = ?"
        ended = self._connection.execute(query, (len(self.consumers),)).fetchall()
        before = self._connection.total_changes
        self._connection.executemany("DELETE FROM events WHERE camera = ? AND seq <= ?", ended)
        self._depth -= self._connection.total_changes - before

    def _read(self, position: int, body: str, arrived_s: float, committed_s: float) -> PendingEvent | None:
        """Return a row as an event; one that cannot be read is told as lost, since it would block all behind it."""
        try:
            return PendingEvent(position, EventBody.model_validate_json(body), arrived_s, committed_s)
        except ValidationError as exc:
            _log.error("the event at position %d of the outbox cannot be read, told as lost: %s", position, exc)
        with self._transaction():
            self._discard("position = ?", (position,), UNREADABLE)
        return None

    def _insert(self, event: TagEvent, lost_seqs: tuple[tuple[int, int], ...] = ()) -> int:
        now = self._clock.utc()
        seq = self._next_seq(event.camera)
        stamp = Stamp(
            event_id=str(uuid7(int(now.timestamp() * 1000))),
            epoch=self.epoch,
            seq=seq,
            host_synchronised=self._clock.synchronised(),
            lost_seqs=lost_seqs,
        )
        body = event_body(event, self.origin, stamp)
        self._connection.execute(
            "INSERT INTO events (camera, seq, kind, captured_at, arrived_s, committed_s, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                event.camera,
                seq,
                event.kind.value,
                format_utc(event.captured_at),
                event.arrived_s,
                self._clock.monotonic(),
                body.to_json(),
            ),
        )
        self._depth += 1
        return seq

    def _next_seq(self, camera: str) -> int:
        query = (
            "INSERT INTO cameras (camera, last_seq) VALUES (?, 1) "
            "ON CONFLICT (camera) DO UPDATE SET last_seq = last_seq + 1 RETURNING last_seq"
        )
        return int(self._connection.execute(query, (camera,)).fetchall()[0][0])

    def _keep_within_bound(self) -> None:
        excess = self._depth - self._max_events
        if excess <= 0:
            return
        cameras = int(self._connection.execute("SELECT count(*) FROM cameras").fetchone()[0])
        # Each camera's `lost` event needs a place too.
        oldest = "position IN (SELECT position FROM events ORDER BY position LIMIT ?)"
        self._discard(oldest, (excess + cameras + self._max_events // _SLACK_SHARE,), OUTBOX_FULL)

    def _discard(self, which: str, arguments: tuple[int, ...], cause: str) -> None:
        """Delete events and tell of them, within the caller's transaction."""
        query = f"SELECT camera, seq, captured_at, kind, body FROM events WHERE {which}"  # noqa: S608 - fixed texts
        doomed = [
            Doomed(camera, seq, datetime.fromisoformat(captured_at.replace("Z", "+00:00")), told_by(kind, body))
            for camera, seq, captured_at, kind, body in self._connection.execute(query, arguments)
        ]
        self._connection.execute(f"DELETE FROM events WHERE {which}", arguments)  # noqa: S608 - fixed texts
        self._depth -= len(doomed)
        self.discarded += len(doomed)
        for loss in losses(doomed, cause):
            _log.warning("camera %s: events %s are discarded (%s)", loss.camera, loss.seqs, cause)
            self._insert(self._lost_event(loss), loss.seqs)

    def _lost_event(self, loss: Loss) -> TagEvent:
        return TagEvent(
            camera=loss.camera,
            kind=EventKind.LOST,
            captured_at=self._clock.utc(),
            clock=ClockSource.HOST,
            arrived_s=self._clock.monotonic(),
            frame_index=0,
            interval=loss.interval,
        )

    @contextmanager
    def _reading(self) -> Generator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as exc:
                raise EdgekitError(f"the outbox cannot be read: {exc}; check its disk") from exc

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """Run statements as one: on disk when this ends, or not at all."""
        with self._lock:
            depth = self._depth
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException as exc:
                self._depth = depth
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(exc, sqlite3.Error):
                    raise EdgekitError(f"the outbox cannot be written: {exc}; check its disk") from exc
                raise

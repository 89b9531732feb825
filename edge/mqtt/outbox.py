"""The durable store between a decision and its delivery: what was committed is published, or told as lost.

One connection under one lock: SQLite has one writer anyhow, a commit must not return before it is on disk, and so a
writer thread would only add a hop. Whoever has several events commits them together and pays for one fsync.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import final

from pydantic import ValidationError

from edge.identifiers import uuid7
from edge.mqtt.bounds import Bounds, Timeline
from edge.mqtt.camera_table import CameraTable
from edge.mqtt.clock import SYSTEM_CLOCK, Clock
from edge.mqtt.consumer_table import ConsumerTable
from edge.mqtt.conversion import Origin, Stamp, event_body
from edge.mqtt.event_table import EventTable, Row, StoredEvent, Times
from edge.mqtt.kept_events import KeptEvents
from edge.mqtt.losses import losses
from edge.mqtt.messages import CameraPosition, EventBody
from edge.mqtt.outbox_file import OutboxFile, open_file
from edge.mqtt.transactions import Transactions
from edge.mqtt.trigger_log import TriggerLog
from edge.tags.events import TagEvent

_log = logging.getLogger(__name__)

OUTBOX_FULL = "outbox_full"
OUTBOX_AGE = "outbox_age"
UNREADABLE = "unreadable"
_LOST_BYTES = 2048  # about as much as a `lost` event has


@final
class Outbox:
    """Events from commit to delivery and a while beyond, in one SQLite file that survives a power cut.

    seq counts from 1 for each camera and epoch, is given in the committing transaction and never goes back. Beyond the
    bounds the oldest undelivered events are discarded, told by one `lost` event a camera in the same transaction.
    Delivered ones are kept within bounds of their own, to be sent again. All methods may be called from any thread.

    Attributes:
        epoch: Born with the file; seqs count within it.
        origin: Whose events are committed.
        consumers: Who must acknowledge an event before it ends.
        set_aside: Where a corrupt file is kept in whose place this one began, None where there was none.
        kept: Delivered events that can be sent again.
        triggers: Which triggers were taken, and which events answer them.
        discarded: Events that were discarded undelivered, by this run or told by a `lost` that still waits.
    """

    def __init__(
        self,
        file: OutboxFile,
        *,
        origin: Origin,
        bounds: Bounds | None = None,
        keep: Bounds | None = None,
        consumers: Sequence[str] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._connection = file.connection
        self._clock = clock
        self._timeline = Timeline(clock, file.timeline_s)
        self.bounds = bounds or Bounds()
        self._keep = keep or Bounds(events=0)
        self.epoch = file.epoch
        self.set_aside = file.set_aside
        self.origin = origin
        self.consumers = tuple(consumers)
        self._events = EventTable(self._connection, "events")
        self._kept = EventTable(self._connection, "kept")
        self._cameras = CameraTable(self._connection)
        self._transactions = Transactions(self._connection, (self._events, self._kept))
        self.kept = KeptEvents(self._kept, self._transactions)
        self.triggers = TriggerLog(self._connection, self._transactions, clock)
        self._acknowledged = ConsumerTable(self._connection, self.consumers)
        self.discarded = self._events.told_as_lost()
        with self._transactions.writing():
            self._acknowledged.forget_others()
            self._end_acknowledged()  # events may have waited for one of those alone
            self._stay_within_bounds()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        origin: Origin,
        bounds: Bounds | None = None,
        keep: Bounds | None = None,
        consumers: Sequence[str] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> "Outbox":
        """Open the outbox in a file, creating it where it is missing.

        Args:
            path: The SQLite file.
            origin: Whose events are committed from now on.
            bounds: Of undelivered events.
            keep: Of events that are kept when they are delivered; None for none.
            consumers: Who must acknowledge an event before it ends; without any, `delivered` ends it.
            clock: Where times come from.

        Raises:
            EdgekitError: See `open_file`. A corrupt file is no error: it is set aside, and a new epoch begins.
        """
        return cls(open_file(path), origin=origin, bounds=bounds, keep=keep, consumers=consumers, clock=clock)

    def use_model(self, digest: str, engine: str) -> None:
        """Name another model and what runs it in the status, and in events from now on that name none themselves."""
        self.origin = replace(self.origin, model_digest=digest, engine=engine)

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
        self._transactions.close()

    @property
    def depth(self) -> int:
        """Undelivered events."""
        return self._events.totals.events

    @property
    def filled(self) -> float:
        """Share of the bounds on number and bytes that undelivered events take, the greater of the two."""
        totals = self._events.totals
        return max(totals.events / self.bounds.events, totals.size_bytes / self.bounds.size_bytes)

    @property
    def last_position(self) -> int:
        """Position of the newest commit, 0 before the first."""
        with self._transactions.reading():
            row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(row[0]) if row else 0

    def register_cameras(self, cameras: Iterable[str]) -> None:
        """Remember cameras, so that a later run knows of them although they had no event.

        Raises:
            EdgekitError: The disk refuses.
        """
        with self._transactions.writing():
            self._cameras.register(cameras)

    def positions(self) -> dict[str, CameraPosition]:
        """Return by camera, in the order of names, how far its events have come."""
        with self._transactions.reading():
            return self._cameras.positions()

    def commit(self, events: Sequence[TagEvent]) -> tuple[int, ...]:
        """Make events durable, all or none, and return their seqs. They may be published once this has returned.

        Raises:
            EdgekitError: The disk refuses.
            ValueError: An event is not valid, see `event_body`.
        """
        with self._transactions.writing():
            seqs = tuple(self._insert(event) for event in events)
            self._stay_within_bounds()
        return seqs

    def pending(self, limit: int, *, after: int = 0, upto: int | None = None) -> list[StoredEvent]:
        """Return undelivered events in the order of their commits.

        Args:
            limit: The most to return.
            after: Only positions above this one.
            upto: Only positions up to and with this one, None for no end.

        Raises:
            EdgekitError: The disk refuses.
        """
        with self._transactions.reading():
            rows = self._events.page(limit, after, upto)
        events = (self._read(row) for row in rows)
        return [event for event in events if event is not None]

    def delivered(self, places: Iterable[tuple[str, int]]) -> None:
        """End events, each named by camera and seq, that the broker has taken over. Unknown ones are ignored.

        A power cut may undo it, and they are sent once more: no commit has to wait for the disk because of it.

        Raises:
            EdgekitError: The disk refuses.
        """
        with self._transactions.writing(survives_power_cut=False):
            self._events.move_to(self._kept, "camera = ? AND seq = ?", places)
            self._trim_kept()

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
        with self._transactions.writing(survives_power_cut=False):  # as `delivered`
            self._acknowledged.note(upto)
            self._end_acknowledged()
            self._trim_kept()

    def acknowledged(self) -> dict[str, dict[str, int]]:
        """Return by consumer and camera the seq up to which events are acknowledged."""
        with self._transactions.reading():
            return self._acknowledged.by_consumer()

    def keep_within_bounds(self) -> None:
        """Discard what has become too old since the last commit.

        Raises:
            EdgekitError: The disk refuses.
        """
        with self._transactions.writing():
            self._stay_within_bounds()

    def _end_acknowledged(self) -> None:
        self._events.move_to(self._kept, "camera = ? AND seq <= ?", self._acknowledged.ended())

    def _read(self, row: Row) -> StoredEvent | None:
        """Return a row as an event; one that cannot be read is told as lost, since it would block all behind it."""
        position, body, arrived_s, committed_s = row
        try:
            return StoredEvent(position, EventBody.model_validate_json(body), arrived_s, committed_s)
        except ValidationError as exc:
            _log.error("the event at position %d of the outbox cannot be read, told as lost: %s", position, exc)
        with self._transactions.writing():
            self._discard("position = ?", (position,), UNREADABLE)
        return None

    def _insert(self, event: TagEvent, lost_seqs: tuple[tuple[int, int], ...] = ()) -> int:
        now = self._clock.utc()
        seq = self._cameras.next_seq(event.camera)
        stamp = Stamp(
            event_id=str(uuid7(int(now.timestamp() * 1000))),
            epoch=self.epoch,
            seq=seq,
            host_synchronised=self._clock.synchronised(),
            lost_seqs=lost_seqs,
        )
        body = event_body(event, self.origin, stamp)
        self._events.insert(body, Times(event.arrived_s, self._clock.monotonic(), self._timeline.now_s()))
        if event.trigger_id is not None:
            self.triggers.answer(event.camera, event.trigger_id, seq)
        return seq

    def _stay_within_bounds(self) -> None:
        """Discard what is too much or too old, within the caller's transaction."""
        now_s = self._timeline.now_s()
        old = self._events.too_old_upto(now_s - self.bounds.age_s)
        if old is not None:
            self._discard("position <= ?", (old,), OUTBOX_AGE)
        if self._events.totals.beyond(self.bounds):
            cameras = self._cameras.count  # each one's `lost` event needs a place too
            most = self._events.too_many_upto(self.bounds, cameras, cameras * _LOST_BYTES)
            if most is not None:
                self._discard("position <= ?", (most,), OUTBOX_FULL)
        self._trim_kept()

    def _trim_kept(self) -> None:
        now_s = self._timeline.now_s()
        gone = (self._kept.too_old_upto(now_s - self._keep.age_s), self._kept.too_many_upto(self._keep))
        upto = max((position for position in gone if position is not None), default=None)
        if upto is not None:
            self._kept.delete("position <= ?", (upto,))

    def _discard(self, which: str, arguments: tuple[int, ...], cause: str) -> None:
        """Delete events and tell of them, within the caller's transaction."""
        doomed = self._events.take_out(which, arguments)
        self.discarded += len(doomed)
        for loss in losses(doomed, cause):
            _log.warning("camera %s: events %s are discarded (%s)", loss.camera, loss.seqs, cause)
            self._insert(loss.event(self._clock), loss.seqs)

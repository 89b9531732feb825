"""Which triggers were taken and which event answers each, durably: a repeated id is answered by the same event."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from edge.mqtt.clock import Clock
from edge.mqtt.transactions import Transactions
from edge.mqtt.wire import format_utc

MOST_TRIGGERS = 100_000  # remembered; of an id that is older than the newest so many nothing is known any more


@dataclass(frozen=True, slots=True)
class TakenTrigger:
    """A trigger that was taken.

    Attributes:
        camera: Name of the camera.
        trigger_id: The controller's.
        taken_at: When it was taken, UTC.
        seq: Of the event that answers it, None as long as it waits.
        repeated: Whether the id had been taken before.
    """

    camera: str
    trigger_id: str
    taken_at: datetime
    seq: int | None = None
    repeated: bool = False


class TriggerLog:
    """The triggers in an outbox's file.

    Args:
        connection: To the file.
        transactions: Over the same connection.
        clock: Where times come from.
    """

    def __init__(self, connection: sqlite3.Connection, transactions: Transactions, clock: Clock) -> None:
        self._connection = connection
        self._transactions = transactions
        self._clock = clock

    def take(self, camera: str, trigger_id: str) -> TakenTrigger:
        """Write a trigger down, so that it gets its event whatever happens; return what is known of the id.

        Raises:
            EdgekitError: The disk refuses.
        """
        with self._transactions.writing():
            known = self._find(camera, trigger_id)
            if known is None:
                known = TakenTrigger(camera, trigger_id, self._clock.utc())
                self._insert(known)
        return known

    def waiting(self) -> list[TakenTrigger]:
        """Return triggers that were taken and have no event, oldest first.

        Raises:
            EdgekitError: The disk refuses.
        """
        query = "SELECT camera, trigger_id, taken_at FROM triggers WHERE seq IS NULL ORDER BY number"
        with self._transactions.reading():
            rows = self._connection.execute(query).fetchall()
        return [TakenTrigger(camera, trigger_id, _time(taken_at)) for camera, trigger_id, taken_at in rows]

    def answer(self, camera: str, trigger_id: str, seq: int) -> None:
        """Note which event answers a trigger, within the transaction that commits the event."""
        query = "UPDATE triggers SET seq = ? WHERE camera = ? AND trigger_id = ?"
        self._connection.execute(query, (seq, camera, trigger_id))

    def _find(self, camera: str, trigger_id: str) -> TakenTrigger | None:
        query = "SELECT taken_at, seq FROM triggers WHERE camera = ? AND trigger_id = ?"
        row = self._connection.execute(query, (camera, trigger_id)).fetchone()
        return None if row is None else TakenTrigger(camera, trigger_id, _time(row[0]), row[1], repeated=True)

    def _insert(self, trigger: TakenTrigger) -> None:
        query = "INSERT INTO triggers (camera, trigger_id, taken_at) VALUES (?, ?, ?)"
        values = (trigger.camera, trigger.trigger_id, format_utc(trigger.taken_at))
        number = self._connection.execute(query, values).lastrowid or 0
        forgotten = "DELETE FROM triggers WHERE number <= ? AND seq IS NOT NULL"
        self._connection.execute(forgotten, (number - MOST_TRIGGERS,))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))

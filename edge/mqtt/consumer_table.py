"""How far each named consumer has acknowledged each camera's events, durably."""

import sqlite3
from collections.abc import Mapping, Sequence


class ConsumerTable:
    """The table, as SQL; whoever holds the outbox's lock uses it.

    Args:
        connection: To the outbox's file.
        consumers: Who must acknowledge an event before it ends.
    """

    def __init__(self, connection: sqlite3.Connection, consumers: Sequence[str]) -> None:
        self._connection = connection
        self._consumers = tuple(consumers)

    def forget_others(self) -> None:
        """Forget consumers that are no longer named."""
        known = [row[0] for row in self._connection.execute("SELECT DISTINCT consumer FROM acknowledgements")]
        gone = [(consumer,) for consumer in known if consumer not in self._consumers]
        self._connection.executemany("DELETE FROM acknowledgements WHERE consumer = ?", gone)

    def note(self, upto: Mapping[tuple[str, str], int]) -> None:
        """Note how far consumers have come, by consumer and camera; never goes back."""
        self._connection.executemany(
            "INSERT INTO acknowledgements (consumer, camera, upto) VALUES (?, ?, ?) "
            "ON CONFLICT (consumer, camera) DO UPDATE SET upto = max(upto, excluded.upto)",
            [(consumer, camera, seq) for (consumer, camera), seq in upto.items()],
        )

    def by_consumer(self) -> dict[str, dict[str, int]]:
        """Return by consumer and camera the seq up to which events are acknowledged."""
        found: dict[str, dict[str, int]] = {consumer: {} for consumer in self._consumers}
        query = "SELECT consumer, camera, upto FROM acknowledgements ORDER BY consumer, camera"
        for consumer, camera, upto in self._connection.execute(query):
            found[consumer][camera] = upto
        return found

    def ended(self) -> list[tuple[str, int]]:
        """Return cameras with the seq up to which all named consumers have their events."""
        if not self._consumers:
            return []
        query = "SELECT camera, min(upto) FROM acknowledgements GROUP BY camera HAVING count(*) = ?"
        return self._connection.execute(query, (len(self._consumers),)).fetchall()

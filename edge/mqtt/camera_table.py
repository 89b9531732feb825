"""Which cameras a box has had, and how far the seqs of each have come."""

import sqlite3
from collections.abc import Iterable
from typing import final

from edge.mqtt.messages import CameraPosition


@final
class CameraTable:
    """Table `cameras` of the outbox's file. Each method runs within a transaction of the caller.

    Args:
        connection: To the file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self._connection.execute("SELECT count(*) FROM cameras").fetchone()[0])

    def register(self, cameras: Iterable[str]) -> None:
        """Add cameras that had no event yet."""
        rows = [(camera,) for camera in cameras]
        self._connection.executemany("INSERT OR IGNORE INTO cameras (camera, last_seq) VALUES (?, 0)", rows)

    def next_seq(self, camera: str) -> int:
        """Take a camera's next seq; the first is 1."""
        query = (
            "INSERT INTO cameras (camera, last_seq) VALUES (?, 1) "
            "ON CONFLICT (camera) DO UPDATE SET last_seq = last_seq + 1 RETURNING last_seq"
        )
        return int(self._connection.execute(query, (camera,)).fetchall()[0][0])

    def positions(self) -> dict[str, CameraPosition]:
        """Return by camera, in the order of names, how far its events have come."""
        query = "SELECT camera, last_seq, (SELECT min(seq) FROM events e WHERE e.camera = c.camera) FROM cameras c"
        rows = self._connection.execute(query).fetchall()
        return {camera: CameraPosition(last_seq=last, oldest_unacknowledged=oldest) for camera, last, oldest in rows}

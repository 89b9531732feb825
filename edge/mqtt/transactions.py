"""One connection to the outbox's file under one lock: statements run as one, on disk when they end, or not at all."""

import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

from devices.errors import EdgekitError


class Restorable(Protocol):
    """What knows a part of the file by heart, and has to forget with it what was not written."""

    def remember(self) -> Callable[[], None]:
        """Return what takes it back to how it is now."""
        ...


class Transactions:
    """The lock and the transactions; may be used from any thread.

    Args:
        connection: To the file.
        restorable: Taken back together with a transaction that fails.
    """

    def __init__(self, connection: sqlite3.Connection, restorable: Sequence[Restorable] = ()) -> None:
        self._connection = connection
        self._restorable = tuple(restorable)
        self._lock = threading.RLock()

    @contextmanager
    def reading(self) -> Generator[None]:
        """Read while nobody writes.

        Raises:
            EdgekitError: The disk refuses.
        """
        with self._lock:
            try:
                yield
            except sqlite3.Error as exc:
                raise EdgekitError(f"the outbox cannot be read: {exc}; check its disk") from exc

    @contextmanager
    def writing(self, *, survives_power_cut: bool = True) -> Generator[None]:
        """Run statements as one; not to be entered twice.

        Args:
            survives_power_cut: Wait for the disk. Without, a kill of the process still loses nothing.

        Raises:
            EdgekitError: The disk refuses; nothing was written.
        """
        with self._lock:
            restore = [part.remember() for part in self._restorable]
            try:
                self._connection.execute(f"PRAGMA synchronous={'FULL' if survives_power_cut else 'NORMAL'}")
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException as exc:
                for undo in restore:
                    undo()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(exc, sqlite3.Error):
                    raise EdgekitError(f"the outbox cannot be written: {exc}; check its disk") from exc
                raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

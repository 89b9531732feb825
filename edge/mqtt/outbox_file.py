"""The outbox's file: created whole or not at all, checked as it is opened, set aside where it is broken."""

import logging
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from devices.errors import EdgekitError
from edge.durable import set_aside, sync_folder

_log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_LOCK_WAIT_S = 2.0
_CACHE_KIB = 256

# Came later, and a version that does not know them is not disturbed by them: they are added to a file without them.
_LATER_TABLES = (
    """CREATE TABLE IF NOT EXISTS acknowledgements (
        consumer TEXT NOT NULL,
        camera TEXT NOT NULL,
        upto INTEGER NOT NULL,
        PRIMARY KEY (consumer, camera)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS kept (
        position INTEGER PRIMARY KEY,
        camera TEXT NOT NULL,
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        captured_at TEXT NOT NULL,
        arrived_s REAL NOT NULL,
        committed_s REAL NOT NULL,
        body TEXT NOT NULL,
        timeline_s REAL NOT NULL,
        UNIQUE (camera, seq)
    )""",
    """CREATE TABLE IF NOT EXISTS triggers (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        camera TEXT NOT NULL,
        trigger_id TEXT NOT NULL,
        taken_at TEXT NOT NULL,
        seq INTEGER,
        UNIQUE (camera, trigger_id)
    )""",
)

# AUTOINCREMENT: a position is never used twice, also after the newest row was deleted.
_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE cameras (camera TEXT PRIMARY KEY, last_seq INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE events (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        camera TEXT NOT NULL,
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        captured_at TEXT NOT NULL,
        arrived_s REAL NOT NULL,
        committed_s REAL NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (camera, seq)
    )""",
)


@dataclass(frozen=True, slots=True)
class OutboxFile:
    """An open and checked file, this process its only owner.

    Attributes:
        connection: To the file.
        epoch: Born with it.
        timeline_s: The newest second of the file's own time line.
        set_aside: Where a corrupt file is kept in whose place this one began, None where there was none.
    """

    connection: sqlite3.Connection
    epoch: str
    timeline_s: float
    set_aside: Path | None = None


def open_file(path: Path) -> OutboxFile:
    """Open an outbox's file, or create it.

    A file that SQLite finds corrupt is renamed to `<name>.corrupt-N` and a new one, with a new epoch, begins.

    Raises:
        EdgekitError: The file cannot be opened, is in use, holds something else, or was written by a newer version.
    """
    try:
        return _open(path)
    except sqlite3.DatabaseError as exc:
        # Only the class itself says corrupt or no database; its subclasses say locked, unreadable, disk full.
        if type(exc) is not sqlite3.DatabaseError:
            raise EdgekitError(_cannot_open(path, exc)) from exc
        aside = set_aside(path, "-wal", "-shm", "-journal")
        _log.error("the outbox %s is corrupt (%s): kept as %s, a new epoch begins", path, exc, aside)
    try:
        return replace(_open(path), set_aside=aside)
    except sqlite3.Error as exc:
        raise EdgekitError(_cannot_open(path, exc)) from exc


def _open(path: Path) -> OutboxFile:
    connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        # One owner: a second runtime on the same file would send everything twice.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        # SQLite's own 2 MB fill over an hour of events, which looks like a leak; the system caches the file anyway.
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)  # noqa: TRY301 - the same way out as SQLite's own finding
        if not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            _create(connection)
            sync_folder(path.parent)
        epoch = _epoch_of(connection, path)
        timeline_s = _bring_up_to_date(connection)
        return OutboxFile(connection, epoch, timeline_s)
    except BaseException:
        connection.close()
        raise


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        connection.execute(statement)
    rows = [("schema_version", str(SCHEMA_VERSION)), ("epoch", uuid4().hex)]
    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", rows)
    connection.execute("COMMIT")


def _bring_up_to_date(connection: sqlite3.Connection) -> float:
    """Add what an older version did not know; return the newest second of the time line."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in _LATER_TABLES:
        connection.execute(statement)
    if "timeline_s" not in {row[1] for row in connection.execute("PRAGMA table_info(events)")}:
        connection.execute("ALTER TABLE events ADD COLUMN timeline_s REAL")
    query = "SELECT max(coalesce((SELECT max(timeline_s) FROM events), 0), coalesce(max(timeline_s), 0)) FROM kept"
    newest_s = float(connection.execute(query).fetchone()[0])
    # Events of a version without the column count as committed now: too young rather than too old.
    connection.execute("UPDATE events SET timeline_s = ? WHERE timeline_s IS NULL", (newest_s,))
    connection.execute("COMMIT")
    return newest_s


def _epoch_of(connection: sqlite3.Connection, path: Path) -> str:
    try:
        meta = {str(key): str(value) for key, value in connection.execute("SELECT key, value FROM meta")}
        version, epoch = int(meta["schema_version"]), meta["epoch"]
    except (sqlite3.OperationalError, KeyError, ValueError) as exc:
        raise EdgekitError(f"{path} is a database, but no outbox: name another file as path in [outbox]") from exc
    if version > SCHEMA_VERSION:
        raise EdgekitError(
            f"the outbox {path} was written by a newer edgekit (schema {version}, this one reads {SCHEMA_VERSION}): "
            "install that version again, or name another file as path in [outbox]"
        )
    return epoch


def _cannot_open(path: Path, exc: sqlite3.Error) -> str:
    if not path.parent.is_dir():
        return f"cannot open the outbox {path}: its folder is missing; create it, or mend path in [outbox]"
    if "locked" in str(exc):
        return f"cannot open the outbox {path}: another process uses it; stop that one first"
    return f"cannot open the outbox {path}: {exc}; check the path in [outbox], its rights and the disk"

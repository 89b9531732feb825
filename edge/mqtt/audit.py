"""The audit log: who asked for what, when, and what became of it; also the memory of ids already executed."""

import contextlib
import os
from collections import OrderedDict
from pathlib import Path

from pydantic import ValidationError

from devices.errors import EdgekitError
from edge.mqtt.command_messages import ReplyMessage
from edge.mqtt.wire import UtcTime, WireModel

MOST_BYTES = 4 * 1024 * 1024
MOST_IDS = 1000
_CLOSED = -1
_NOT_SETTLED = b'"settled":false'  # a quote within a text has a backslash before it


class AuditEntry(WireModel):
    """One line of the log; `settled` where its id gets this reply from now on, since its command was carried out."""

    at: UtcTime
    command: str
    client: str | None
    parameters: str
    reply: ReplyMessage
    settled: bool = True  # an older release wrote none


class AuditLog:
    """Appends to a file of JSON lines, each on disk when `append` returns; a full file becomes `NAME.1`.

    Args:
        path: The file; created where missing, readable for its owner alone.
        most_bytes: Size at which a new file begins; one older file is kept.

    Raises:
        EdgekitError: It cannot be written.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._replies: OrderedDict[tuple[str, str], ReplyMessage] = OrderedDict()
        for file in (self._older, path):
            self._remember_file(file)
        self._file = self._open()
        self._end_torn_line()

    def reply_to(self, client: str, command_id: str) -> ReplyMessage | None:
        """Return what was replied to a client's command before, None for a new one or one long ago."""
        return self._replies.get((client, command_id))

    def append(self, entry: AuditEntry) -> None:
        """Write an entry down.

        Raises:
            EdgekitError: It cannot be written.
        """
        line = entry.to_json().encode() + b"\n"
        try:
            if os.fstat(self._file).st_size + len(line) > self._most_bytes:
                self._begin_anew()
            _write_all(self._file, line)
            os.fsync(self._file)
        except OSError as exc:
            raise EdgekitError(f"cannot write the audit log {self._path}: {exc.strerror}") from exc
        self._remember(entry)

    def close(self) -> None:
        """Let go of the file; may be called again."""
        if self._file != _CLOSED:
            os.close(self._file)
            self._file = _CLOSED

    def _begin_anew(self) -> None:
        """Let a new file take the place of the full one; where that fails the full one goes on."""
        self._path.replace(self._older)
        try:
            new = self._open()
        except EdgekitError:
            self._older.replace(self._path)
            raise
        os.close(self._file)  # not before: its number would be the next file's, an outbox's perhaps
        self._file = new

    @property
    def _older(self) -> Path:
        return self._path.with_name(self._path.name + ".1")

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise EdgekitError(
                f"cannot open the audit log {self._path}: {exc.strerror}; check audit_log in [commands]"
            ) from exc

    def _end_torn_line(self) -> None:
        """A power cut can leave half a line; the next entry must not be glued to it."""
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    _write_all(self._file, b"\n")

    def _remember_file(self, file: Path) -> None:
        if not file.exists():
            return
        try:
            lines = file.read_bytes().splitlines()
        except OSError as exc:
            raise EdgekitError(f"cannot read the audit log {file}: {exc.strerror}") from exc
        for line in [line for line in lines if _NOT_SETTLED not in line][-2 * MOST_IDS :]:
            with contextlib.suppress(ValidationError):  # a torn line: its command was never replied to
                self._remember(AuditEntry.model_validate_json(line))

    def _remember(self, entry: AuditEntry) -> None:
        if entry.client is None or entry.reply.id is None or entry.reply.repeated or not entry.settled:
            return
        self._replies[(entry.client, entry.reply.id)] = entry.reply
        while len(self._replies) > MOST_IDS:
            self._replies.popitem(last=False)


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]

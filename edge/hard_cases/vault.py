"""The folder of sealed cases: never more files or bytes than allowed, the oldest go first."""

import secrets
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge.hard_cases.case import ENDING
from edge.identifiers import uuid7

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int


class Vault:
    """Keeps sealed cases in a folder. Used by one thread.

    Args:
        folder: Made where it is missing. What lies there from earlier runs counts.
        most: Files.
        most_mib: All of them together.

    Raises:
        OSError: The folder cannot be made or read.
    """

    def __init__(self, folder: Path, most: int, most_mib: float) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for torn in folder.glob(f".*{ENDING}.partial"):
            torn.unlink(missing_ok=True)
        self._folder = folder
        self._most = most
        self._most_bytes = int(most_mib * _MIB)
        paths = sorted(folder.glob(f"*{ENDING}"))  # names begin with the time
        self._files = deque(_File(path, path.stat().st_size) for path in paths)
        self._bytes = sum(file.size for file in self._files)
        self.discarded = 0
        self._trim()

    @property
    def files(self) -> int:
        """Cases that lie there, as far as this run knows: somebody may have fetched some."""
        return len(self._files)

    @property
    def size_bytes(self) -> int:
        """Of all of them together."""
        return self._bytes

    def put(self, content: bytes, at: datetime) -> Path:
        """Keep a sealed case, whole or not at all, and let go of the oldest where there are too many.

        Raises:
            OSError: The disk does not take it; nothing of it stays.
        """
        path = self._folder / f"{uuid7(int(at.timestamp() * 1000)).hex}{ENDING}"
        partial = self._folder / f".{secrets.token_hex(8)}{ENDING}.partial"
        try:
            partial.write_bytes(content)
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)
        self._files.append(_File(path, len(content)))
        self._bytes += len(content)
        self._trim()
        return path

    def _trim(self) -> None:
        while len(self._files) > self._most or self._bytes > self._most_bytes:
            oldest = self._files.popleft()
            self._bytes -= oldest.size
            self.discarded += oldest.path.exists()
            oldest.path.unlink(missing_ok=True)

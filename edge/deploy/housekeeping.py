"""What a box leaves behind in the course of years, and for how long: a disk that fills up ends a box's work.

Logs go to the journal, which has its own bounds; the outbox, what was measured and what was compiled bound themselves.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from devices.errors import EdgekitError
from edge.config import BoxConfig

CORRUPT_S = 30 * 86_400.0  # an outbox that was set aside: time enough to save events from it
AUDIT_S = 400 * 86_400.0  # the older part of an audit log: a year, and the weeks until somebody asks
PREVIOUS_S = 90 * 86_400.0  # the box.toml before the last one that was drawn on the page
PARTIAL_S = 86_400.0  # what a power cut left half written
_CORRUPT = re.compile(r"\.corrupt-\d+(-wal|-shm|-journal)?$")


def outlived(config: BoxConfig, file: Path, now_s: float) -> Iterator[Path]:
    """Return the files that a box no longer needs.

    Args:
        config: Of the box.
        file: Its box.toml.
        now_s: Seconds since 1970.
    """
    outbox = config.outbox.path
    for path in _beside(outbox):
        if path.name.startswith(outbox.name) and _CORRUPT.fullmatch(path.name[len(outbox.name) :]):
            yield from _older(path, CORRUPT_S, now_s)
    if config.commands is not None:
        log = config.commands.audit_log
        for path in (log, log.with_name(f"{log.stem}-events{log.suffix}")):
            yield from _older(path.with_name(f"{path.name}.1"), AUDIT_S, now_s)
    yield from _older(file.with_name(f"{file.name}.previous"), PREVIOUS_S, now_s)
    for folder in sorted({outbox.parent, file.parent}):
        for path in _beside(folder / "any"):
            if path.name.startswith(".") and path.name.endswith(".partial"):
                yield from _older(path, PARTIAL_S, now_s)


def tidy(config: BoxConfig, file: Path) -> list[Path]:
    """Remove the files that a box no longer needs, and return them.

    Raises:
        EdgekitError: One cannot be removed.
    """
    removed: list[Path] = []
    for path in outlived(config, file, time.time()):
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise EdgekitError(f"cannot remove {path}: {exc.strerror}; run this as the owner of {path.parent}") from exc
        removed.append(path)
    return removed


def _beside(path: Path) -> list[Path]:
    return sorted(path.parent.iterdir()) if path.parent.is_dir() else []


def _older(path: Path, age_s: float, now_s: float) -> Iterator[Path]:
    """Yield a plain file that was last written longer ago; a clock that was set back makes nothing old."""
    if path.is_file() and not path.is_symlink() and now_s - path.stat().st_mtime > age_s:
        yield path

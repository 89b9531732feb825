"""Locks of sets: the digest of every file, so that a set that changed is noticed before anybody learns from it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.errors import EdgekitError
from devices.validation import read_json
from edge.evaluate.openings import OPENINGS
from edge.model.manifest import Sha256

LOCK = "lock.json"
QUARANTINE = "quarantine"  # where `data check --fix` puts what it takes out of a set
_REMEDY = "make one with `edgekit data lock`"


class Lock(BaseModel):
    """`lock.json`: what a set's files were when it was locked."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.lock/1"] = Field(default="edgekit.lock/1", alias="schema")
    files: Mapping[str, Sha256] = Field(description="digest by path below the set's folder")


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths below a set's folder that are not as they were when it was locked."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.changed or self.missing or self.added)


def lock_set(folder: Path, advance: Callable[[], None] = lambda: None) -> Lock:
    """Write a set's lock, in place of an earlier one.

    Raises:
        EdgekitError: The folder holds no file, or something in it cannot be read or written.
    """
    lock = Lock(files=_digests(folder, advance))
    if not lock.files:
        raise EdgekitError(f"{folder} holds no file: name the folder of a set")
    partial = folder / f".{LOCK}.partial"
    try:
        partial.write_text(lock.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        partial.replace(folder / LOCK)
    except OSError as exc:
        raise EdgekitError(f"cannot write {folder / LOCK}: {exc.strerror}") from exc
    return lock


def verify_set(folder: Path, advance: Callable[[], None] = lambda: None) -> Changes:
    """Return how a set differs from what was locked.

    Raises:
        EdgekitError: The set has no lock, or a file cannot be read.
    """
    locked = read_json(folder / LOCK, Lock, "set's lock", _REMEDY).files
    now = _digests(folder, advance)
    return Changes(
        changed=tuple(sorted(path for path in locked.keys() & now.keys() if locked[path] != now[path])),
        missing=tuple(sorted(locked.keys() - now.keys())),
        added=tuple(sorted(now.keys() - locked.keys())),
    )


def files_of(folder: Path) -> list[Path]:
    """Return all files of a set but its lock, by path; what lies in quarantine is not of the set.

    Raises:
        EdgekitError: The folder is missing, or holds a link, which would let a set reach out of itself.
    """
    if not folder.is_dir():
        raise EdgekitError(f"there is no folder {folder}")
    found = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    for path in found:
        if path.is_symlink():
            raise EdgekitError(f"{path} is a link: a set that is locked or packed holds its files itself")
    apart = (folder / LOCK, folder / QUARANTINE)
    return [path for path in found if not any(path.is_relative_to(other) for other in apart)]


def _digests(folder: Path, advance: Callable[[], None]) -> dict[str, str]:
    digests: dict[str, str] = {}
    # The record of openings grows with each one: a set whose test part was scored is still the set that was locked.
    for path in [path for path in files_of(folder) if path != folder / OPENINGS]:
        try:
            with path.open("rb") as file:
                total = hashlib.sha256()
                while block := file.read(1 << 20):
                    total.update(block)
        except OSError as exc:
            raise EdgekitError(f"cannot read {path}: {exc.strerror}") from exc
        digests[path.relative_to(folder).as_posix()] = total.hexdigest()
        advance()
    return digests

"""A set's test part is opened to be scored and for nothing else, and each time is written down beside it.

A test part tells the truth once: whoever looks often enough and keeps the better model has trained on it. The record
lies with the set and not with a run, since it is the set's pictures that are used up, by whichever run.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveInt

from devices.errors import EdgekitError
from edge.model.manifest import Sha256

OPENINGS = "test-openings.jsonl"


class Opening(BaseModel):
    """One line of the record: when a set's test part was scored, and with what."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.test-opening/1"] = Field(default="edgekit.test-opening/1", alias="schema")
    at: AwareDatetime
    bundle: str
    bundle_digest: Sha256
    set_digest: Sha256 = Field(description="what the set said of its bytes then")
    pictures: PositiveInt


def record_opening(folder: Path, set_digest: str, pictures: int, bundle: str, bundle_digest: str, at: datetime) -> int:
    """Write down that a set's test part is about to be scored; return how many times that makes.

    Args:
        folder: The set's.
        set_digest: What the set says of its bytes.
        pictures: Of its test part.
        bundle: Name of what is scored.
        bundle_digest: Of the same.
        at: The time.

    Raises:
        EdgekitError: It cannot be written down, and so must not be opened.
    """
    opening = Opening(
        at=at,
        bundle=bundle,
        bundle_digest=bundle_digest,
        set_digest=set_digest,
        pictures=pictures,
    )
    path = folder / OPENINGS
    try:
        with path.open("ab+") as file:
            # A line that was cut off by a crash ends where it is, instead of swallowing this one.
            torn = file.tell() > 0 and _last_byte(path) != b"\n"
            file.write((b"\n" if torn else b"") + opening.model_dump_json(by_alias=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return count_openings(folder)
    except OSError as exc:
        raise EdgekitError(
            f"cannot write {path} ({exc.strerror}): a test part is opened only where that can be written down"
        ) from exc


def count_openings(folder: Path) -> int:
    """Return how many times a set's test part was opened so far; a line that cannot be read counts too."""
    path = folder / OPENINGS
    return sum(bool(line.strip()) for line in path.read_bytes().splitlines()) if path.exists() else 0


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)

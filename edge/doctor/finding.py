"""What the doctor says: one thing that was looked at, and how it is."""

from dataclasses import dataclass
from enum import Enum


class Level(str, Enum):
    """How bad a finding is. A failure keeps the box from its work, now or after its next start."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What was looked at, in few words.
        level: How it is.
        what: What was found.
        why: Why it matters; empty for what is in order.
        mend: How to mend it; empty likewise.
    """

    check: str
    level: Level
    what: str
    why: str = ""
    mend: str = ""


def fine(check: str, what: str) -> Finding:
    """Return a finding of something that is in order."""
    return Finding(check, Level.OK, what)


def warning(check: str, what: str, why: str, mend: str) -> Finding:
    """Return a finding that a person should know of."""
    return Finding(check, Level.WARNING, what, why, mend)


def failure(check: str, what: str, why: str, mend: str) -> Finding:
    """Return a finding that keeps the box from its work."""
    return Finding(check, Level.FAILURE, what, why, mend)

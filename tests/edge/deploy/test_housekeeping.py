"""What a box leaves behind goes when it is old, and nothing else ever does."""

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.config import load_config
from edge.deploy.housekeeping import AUDIT_S, CORRUPT_S, PARTIAL_S, PREVIOUS_S, tidy
from edge.deploy.ledger import Ledger, State

NOON = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)
BOX = """
[box]
site = "s"
name = "b"
[bundle]
path = "bundle"
[outbox]
path = "outbox.db"
[commands]
clients = ["operations"]
audit_log = "audit.jsonl"
[[camera]]
name = "belt"
source = { kind = "file", path = "clip.mp4" }
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, float], Path]:
    """Write a file that was last written so many seconds ago."""

    def old(name: str, age_s: float) -> Path:
        path = tmp_path / name
        path.write_text("x")
        os.utime(path, (time.time() - age_s, time.time() - age_s))
        return path

    return old


@pytest.mark.parametrize(
    ("name", "age_s"),
    [
        ("outbox.db.corrupt-1", CORRUPT_S),
        ("outbox.db.corrupt-12-wal", CORRUPT_S),
        ("audit.jsonl.1", AUDIT_S),
        ("audit-events.jsonl.1", AUDIT_S),
        ("box.toml.previous", PREVIOUS_S),
        (".releases.json.partial", PARTIAL_S),
    ],
)
def test_what_is_old_goes_and_what_is_not_stays(
    tmp_path: Path, write: Callable[[str, float], Path], name: str, age_s: float
) -> None:
    (tmp_path / "box.toml").write_text(BOX)
    config = load_config(tmp_path / "box.toml")
    file = write(name, age_s - 100)
    assert tidy(config, tmp_path / "box.toml") == []
    write(name, age_s + 100)
    assert tidy(config, tmp_path / "box.toml") == [file]
    assert not file.exists()


def test_what_a_box_works_with_stays_however_old_it_is(tmp_path: Path, write: Callable[[str, float], Path]) -> None:
    (tmp_path / "box.toml").write_text(BOX)
    names = (
        "box.toml",
        "outbox.db",
        "outbox.db-wal",
        "audit.jsonl",
        "other.db.corrupt-1",
        "outbox.db.corrupt-x",
        "a.1",
    )
    for name in names:
        if name != "box.toml":
            write(name, 10 * AUDIT_S)
    (tmp_path / "outbox.db.corrupt-2").symlink_to(tmp_path / "a.1")
    assert tidy(load_config(tmp_path / "box.toml"), tmp_path / "box.toml") == []
    assert all((tmp_path / name).exists() for name in names)


def test_releases_in_use_stay_and_those_that_were_bad_or_waited_long_go() -> None:
    def good(ledger: Ledger, name: str, counter: int) -> Ledger:
        return ledger.filling(name, counter, NOON).staged(name, NOON).tried(name, NOON).passed(NOON)

    ledger = good(good(Ledger(), "a", 1), "b", 2)
    ledger = ledger.filling("bad", 3, NOON).staged("bad", NOON).tried("bad", NOON).failed("why", NOON)
    ledger = ledger.filling("waits", 4, NOON).staged("waits", NOON).filling("written", 5, NOON)
    assert ledger.tidied(NOON) == ledger
    kept = ledger.tidied(NOON + timedelta(days=1))
    assert [(one.id, one.state) for one in kept.releases] == [
        ("a", State.GOOD),
        ("b", State.GOOD),
        ("written", State.FILLING),
    ]

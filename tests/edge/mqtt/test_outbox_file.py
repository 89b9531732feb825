import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devices.errors import EdgekitError
from edge.mqtt.outbox_file import SCHEMA_VERSION, open_file

if TYPE_CHECKING:
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox


def test_commits_are_synced_and_the_journal_is_a_wal(tmp_path: Path) -> None:
    file = open_file(tmp_path / "outbox.sqlite")
    assert file.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert file.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    file.connection.close()


def test_each_new_file_has_an_epoch_of_its_own(tmp_path: Path) -> None:
    epochs: set[str] = set()
    for name in ("one", "two"):
        file = open_file(tmp_path / name)
        epochs.add(file.epoch)
        file.connection.close()
    assert len(epochs) == 2


@pytest.mark.parametrize("damage", ["head", "middle", "cut"])
def test_a_corrupt_file_is_set_aside_and_a_new_epoch_begins(
    make_outbox: "MakeOutbox", make_event: "MakeEvent", tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outbox.sqlite"
    outbox = make_outbox()
    outbox.commit([make_event() for _ in range(50)])
    outbox.close()
    content = bytearray(path.read_bytes())
    match damage:
        case "head":
            content[:100] = b"\x00garbage" * 12 + b"\x00" * 4
        case "middle":
            content[4096:] = b"\xa5" * (len(content) - 4096)
        case _:
            del content[len(content) // 2 :]
    path.write_bytes(content)
    again = make_outbox()
    assert again.epoch != outbox.epoch
    assert again.depth == 0
    assert (tmp_path / "outbox.sqlite.corrupt-1").read_bytes()[:4096] == bytes(content[:4096])
    assert "is corrupt" in caplog.text
    assert again.commit([make_event()]) == (1,)


def test_a_second_corrupt_file_does_not_overwrite_the_first(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    for content in (b"not a database, the first time", b"not a database, the second time"):
        path.write_bytes(content)
        open_file(path).connection.close()
        path.unlink()
    assert (tmp_path / "outbox.sqlite.corrupt-1").read_bytes().endswith(b"first time")
    assert (tmp_path / "outbox.sqlite.corrupt-2").read_bytes().endswith(b"second time")


def test_an_outbox_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    file = open_file(path)
    file.connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (str(SCHEMA_VERSION + 1),))
    file.connection.close()
    before = path.read_bytes()
    with pytest.raises(EdgekitError, match=r"written by a newer edgekit \(schema 2, this one reads 1\): install"):
        open_file(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE notes (text TEXT)")
    other.close()
    with pytest.raises(EdgekitError, match="is a database, but no outbox"):
        open_file(path)


def test_a_second_runtime_on_the_same_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.mqtt.outbox_file._LOCK_WAIT_S", 0.05)
    file = open_file(tmp_path / "outbox.sqlite")
    with pytest.raises(EdgekitError, match="another process uses it"):
        open_file(tmp_path / "outbox.sqlite")
    file.connection.close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EdgekitError, match="its folder is missing"):
        open_file(tmp_path / "nowhere" / "outbox.sqlite")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgekitError, match="cannot open the outbox"):
        open_file(tmp_path)

"""The audit log keeps every entry, remembers replies across a restart, and outlives a torn line."""

import errno
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.mqtt.audit import MOST_IDS, AuditEntry, AuditLog
from edge.mqtt.command_messages import ReplyMessage

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def entry(command_id: str, *, client: str | None = "ops", repeated: bool = False, settled: bool = True) -> AuditEntry:
    reply = ReplyMessage(
        site="hall",
        box="box-1",
        run_id="run-1",
        command="ping",
        id=command_id,
        ok=True,
        error=None,
        repeated=repeated,
        replied_at=NOON,
        result={"uptime_s": 1.5},
    )
    return AuditEntry(at=NOON, command="ping", client=client, parameters="{}", reply=reply, settled=settled)


def test_replies_are_remembered_across_a_restart(tmp_path: Path):
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append(entry("a"))
    log.close()
    again = AuditLog(tmp_path / "audit.jsonl")
    assert again.reply_to("ops", "a") == entry("a").reply
    assert again.reply_to("other", "a") is None
    again.close()


def test_a_line_torn_by_a_power_cut_harms_neither_the_entries_before_nor_those_after(tmp_path: Path):
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.append(entry("a"))
    log.append(entry("b"))
    log.close()
    path.write_bytes(path.read_bytes()[:-20])
    log = AuditLog(path)
    log.append(entry("c"))
    log.close()
    log = AuditLog(path)
    assert [log.reply_to("ops", name) is not None for name in "abc"] == [True, False, True]
    log.close()


def test_a_full_file_gives_way_to_a_new_one_and_ids_of_both_are_known(tmp_path: Path):
    path = tmp_path / "audit.jsonl"
    size = len(entry("00").to_json()) + 1
    log = AuditLog(path, most_bytes=3 * size)
    for number in range(5):
        log.append(entry(f"0{number}"))
    log.close()
    assert path.stat().st_size == 2 * size
    assert path.with_name("audit.jsonl.1").stat().st_size == 3 * size
    log = AuditLog(path, most_bytes=3 * size)
    assert all(log.reply_to("ops", f"0{number}") for number in range(5))
    log.close()


def test_memory_is_bounded(tmp_path: Path):
    log = AuditLog(tmp_path / "audit.jsonl")
    for number in range(MOST_IDS + 5):
        log.append(entry(str(number)))
    assert log.reply_to("ops", "4") is None
    assert log.reply_to("ops", "5") is not None
    log.close()


def test_what_was_refused_takes_no_place_in_the_memory_of_what_was_done(tmp_path: Path):
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append(entry("done"))
    for number in range(3 * MOST_IDS):
        log.append(entry(f"refused-{number}", settled=False))
    log.close()
    again = AuditLog(tmp_path / "audit.jsonl")
    assert again.reply_to("ops", "done") == entry("done").reply
    assert again.reply_to("ops", "refused-0") is None
    again.close()


@pytest.mark.parametrize("fails", ["rename", "open"])
def test_a_full_file_that_cannot_give_way_goes_on_and_no_other_file_is_written_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
):
    path = tmp_path / "audit.jsonl"
    size = len(entry("00").to_json()) + 1
    log = AuditLog(path, most_bytes=2 * size)
    for number in range(2):
        log.append(entry(f"0{number}"))
    if fails == "rename":
        path.with_name("audit.jsonl.1").mkdir()  # nothing can be renamed to that
    else:
        monkeypatch.setattr(os, "open", _refuse)
    for _ in range(2):
        with pytest.raises(EdgekitError, match=r"cannot (write|open) the audit log"):
            log.append(entry("02"))
        other = os.dup(2)  # takes the number of a file that was closed, where one was
        assert path.stat().st_size == 2 * size
        os.close(other)
    monkeypatch.undo()
    if fails == "rename":
        path.with_name("audit.jsonl.1").rmdir()
    log.append(entry("02"))
    log.close()
    again = AuditLog(path)
    assert all(again.reply_to("ops", f"0{number}") for number in range(3))
    again.close()


def _refuse(*_arguments: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_nobody_but_its_owner_reads_it(tmp_path: Path):
    AuditLog(tmp_path / "audit.jsonl").close()
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(EdgekitError, match=r"cannot open the audit log .*check audit_log in \[commands\]"):
        AuditLog(tmp_path / "nowhere" / "audit.jsonl")

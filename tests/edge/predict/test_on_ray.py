"""An archive on a real cluster of two workers: the process that asks is killed in the middle, and so is a worker."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

PICTURES, PER_PART, BROKEN = 120, 3, (17, 80)
COMMAND = [sys.executable, "-c", "from edge.cli import main; main()", "predict"]


@pytest.fixture
def scratch() -> Generator[Path]:
    """Return a folder whose path leaves room for the names of Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="ek") as folder:
        yield Path(folder)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    for number in range(PICTURES):
        cv2.imwrite(str(folder / f"{number:04d}.jpg"), np.full((960, 1280, 3), 100 + number, np.uint8))
    for number in BROKEN:
        (folder / f"{number:04d}.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def below(pid: int) -> dict[int, str]:
    """Return the processes that descend from one, with how they call themselves."""
    parents: dict[int, tuple[int, str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            name = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if fields[0] != "Z":
            parents[int(stat.parent.name)] = (int(fields[1]), name)
    found = {pid: ""}
    while more := {one: name for one, (parent, name) in parents.items() if parent in found and one not in found}:
        found |= more
    del found[pid]
    return found


def workers_of(pid: int) -> set[int]:
    return {one for one, name in below(pid).items() if name.startswith("ray::SpanWorker")}


def listening_beyond_loopback(pids: set[int]) -> list[str]:
    """Return the TCP addresses, in the kernel's hexadecimal, on which other machines could reach a process."""
    inodes: set[str] = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                inodes.add(str(descriptor.readlink()))
            except OSError:
                continue
    found: list[str] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            address = fields[1].partition(":")[0]
            loopback = address in {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes and not loopback:
                found.append(fields[1])
    return found


def wait_for(condition: Callable[[], Any], running: subprocess.Popen[bytes] | None = None) -> Any:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        got = condition()
        if got:
            return got
        assert running is None or running.poll() is None, "it ended before what was waited for"
        time.sleep(0.02)
    pytest.fail("what was waited for did not come within five minutes")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_an_archive_survives_the_death_of_the_asking_process_and_of_a_worker(
    make_bundle: Callable[..., Any], shop: Path, scratch: Path, tmp_path: Path
):
    bundle, seen, home = make_bundle(), tmp_path / "seen", tmp_path / "home"
    home.mkdir()
    words = [str(shop), "--bundle", str(bundle.folder), "--trusted-key", str(bundle.public), "--engine", "ray"]
    words += ["--save", str(seen), "--per-part", str(PER_PART), "--workers", "2", "--scratch", str(scratch)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")} | {"HOME": str(home)}

    def parts() -> list[Path]:
        return sorted(seen.glob("part-*.jsonl"))

    with subprocess.Popen([*COMMAND, *words], env=environment, stdout=subprocess.DEVNULL) as asking:
        try:
            wait_for(lambda: len(parts()) >= 3, asking)
            cluster = below(asking.pid)
        finally:
            asking.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in cluster))
    early = {part: (part.stat().st_mtime_ns, part.read_bytes()) for part in parts()}
    assert 3 <= len(early) < PICTURES // PER_PART

    with subprocess.Popen(
        [*COMMAND, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asking:
        try:
            wait_for(lambda: len(parts()) >= len(early) + 3, asking)
            cluster = below(asking.pid)
            before = workers_of(asking.pid)
            assert len(before) == 2
            assert listening_beyond_loopback({asking.pid, *cluster}) == []
            os.kill(min(before), signal.SIGKILL)
            wait_for(lambda: workers_of(asking.pid) - before, asking)  # the one in its place
            cluster |= below(asking.pid)
            output, errors = asking.communicate(timeout=600)
        finally:
            asking.kill()
    assert asking.returncode == 1
    assert f"2 of {PICTURES} pictures could not be read" in errors.decode()
    assert f"\n{PICTURES} of {PICTURES} pictures, 2 of them could not be read\n" in output.decode()
    said = [json.loads(line) for part in parts() for line in part.read_bytes().splitlines()]
    assert [one["picture"] for one in said] == [str(shop / f"{number:04d}.jpg") for number in range(PICTURES)]
    assert [number for number, one in enumerate(said) if "error" in one] == list(BROKEN)
    assert {part: (part.stat().st_mtime_ns, part.read_bytes()) for part in early} == early
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in cluster))
    assert list(home.rglob("*")) == []
    assert len(list(scratch.iterdir())) == 1  # of the one that was killed; the other left nothing

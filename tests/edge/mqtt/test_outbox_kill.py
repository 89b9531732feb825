"""What was said to be committed is there after kill -9, whenever it strikes."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from edge.mqtt.bounds import Bounds
from edge.mqtt.conversion import Origin
from edge.mqtt.outbox import Outbox

KILLS = 12
PROCESS = Path(__file__).with_name("committing_process.py")


def test_no_committed_event_is_lost_and_no_seq_has_a_gap_after_kills(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    said: list[tuple[str, int]] = []
    with _committing(path) as process:
        for number in range(KILLS):
            said.extend(_commit_until_killed(process, f"run-{number}"))
    outbox = Outbox.open(path, bounds=Bounds(events=1_000_000), origin=Origin("hall", "box", "last"))
    pending = [(event.body.camera, event.body.seq) for event in outbox.pending(1_000_000)]
    outbox.close()
    assert len(said) > KILLS
    assert len(pending) == len(set(pending))
    assert set(said) <= set(pending)
    for camera in ("belt", "dock"):
        seqs = [seq for name, seq in pending if name == camera]
        assert seqs == list(range(1, len(seqs) + 1))
    # At most the one commit of each run that was on disk, but not yet said.
    assert len(pending) - len(said) <= 3 * KILLS


@contextlib.contextmanager
def _committing(path: Path) -> Generator["subprocess.Popen[str]"]:
    command = [sys.executable, str(PROCESS), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _commit_until_killed(process: "subprocess.Popen[str]", run_id: str) -> list[tuple[str, int]]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{run_id}\n")
    process.stdin.flush()
    child = int(process.stdout.readline())
    try:
        time.sleep(random.uniform(0.0, 0.2))
    finally:
        os.kill(child, signal.SIGKILL)
    lines = iter(process.stdout.readline, "end\n")
    return [(camera, int(seq)) for camera, seq in (line.split() for line in lines)]

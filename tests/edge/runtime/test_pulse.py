"""A stage that hangs stops the feeding of the watchdog, and nothing else does."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.runtime.pulse import LONGEST_SILENCE_S, Pulse, Watchdog
from edge.runtime.service_manager import ServiceManager

DEMO = Path(__file__).parents[3] / "edge/demo"


class Manager:
    """A service manager's end of the socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        messages: list[str] = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    listening = Manager(tmp_path / "notify")
    yield listening
    listening.close()


class Time:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def environment(manager: Manager, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "30000000", **more}


def test_the_manager_hears_that_a_box_is_ready_alive_and_stopping(manager: Manager) -> None:
    told = ServiceManager(environment(manager))
    told.starting("loading")
    told.starting("building", 900)
    told.ready("1 camera")
    told.alive()
    told.stopping()
    started = ["STATUS=loading", "EXTEND_TIMEOUT_USEC=900000000\nSTATUS=building"]
    assert manager.heard() == [*started, "READY=1\nSTATUS=1 camera", "WATCHDOG=1", "STOPPING=1"]
    assert told.watchdog_s == 30


@pytest.mark.parametrize(
    "variables",
    [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}, {"NOTIFY_SOCKET": "@edgekit-nobody-listens", "WATCHDOG_USEC": "x"}],
)
def test_without_a_manager_nothing_is_told_and_nothing_fails(variables: dict[str, str]) -> None:
    told = ServiceManager(variables)
    told.ready("")
    told.alive()
    assert told.watchdog_s is None


def test_a_watchdog_that_is_meant_for_another_process_is_not_ours(manager: Manager) -> None:
    assert ServiceManager(environment(manager, WATCHDOG_PID="1")).watchdog_s is None
    assert ServiceManager(environment(manager, WATCHDOG_PID=str(os.getpid()))).watchdog_s == 30


def test_it_is_fed_three_times_as_often_as_asked_while_all_stages_beat(manager: Manager) -> None:
    clock = Time()
    pulse = Pulse(clock)
    watchdog = Watchdog(pulse, ServiceManager(environment(manager)), clock)
    for _ in range(600):  # a minute
        clock.now_s += 0.1
        pulse.beat("inference-0")
        watchdog.turn()
    assert len(manager.heard()) in (5, 6)


def test_it_is_not_fed_while_a_stage_hangs_and_again_once_it_goes_on(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Time()
    pulse = Pulse(clock)
    watchdog = Watchdog(pulse, ServiceManager(environment(manager)), clock)
    pulse.beat("inference-0")
    pulse.beat("inference-1")
    with caplog.at_level(logging.ERROR):
        for _ in range(400):
            clock.now_s += 0.1
            pulse.beat("inference-1")
            watchdog.turn()
    fed = manager.heard()
    assert len(fed) <= LONGEST_SILENCE_S / 10 + 1
    assert [record.getMessage() for record in caplog.records] == [
        "stage inference-0 has hung for 10 s: the watchdog is no longer fed"
    ]
    pulse.beat("inference-0")
    watchdog.turn()
    assert manager.heard() == ["WATCHDOG=1"]


def test_a_running_box_says_ready_then_alive_then_stopping(manager: Manager, tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text(
        f"""
[box]
site = "s"
name = "b"
[bundle]
path = "{DEMO}/bundle"
trusted_keys = ["{DEMO}/bundle.pub"]
[mqtt]
port = 1
at_start = "wait"
[outbox]
path = "outbox.db"
[[camera]]
name = "belt"
source = {{ kind = "file", path = "{DEMO}/conveyor.mp4" }}
""",
        encoding="utf-8",
    )
    asked = os.environ | environment(manager, WATCHDOG_USEC="300000")
    run = [sys.executable, "-m", "edge", "run", "--config", str(tmp_path / "box.toml")]
    heard: list[str] = []
    with subprocess.Popen(run, env=asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as box:
        try:
            while box.poll() is None and heard.count("WATCHDOG=1") < 3:
                heard += manager.heard()
                time.sleep(0.02)
            box.terminate()
            box.wait(30)
        finally:
            box.kill()
    heard += manager.heard()
    assert box.returncode == 0
    assert heard[:2] == ["STATUS=loading the model for device cpu", "READY=1\nSTATUS=1 cameras"]
    assert heard[-1] == "STOPPING=1"
    assert heard.count("WATCHDOG=1") >= 3

"""One incident a change, however often and long it is looked at; and a real box tells each in one line."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.runtime.alarms import CameraSight, Sight, incidents

Make = Callable[..., Any]

WELL = CameraSight(lost=False, state="streaming", reason=None)
LOST = CameraSight(lost=True, state="reconnecting", reason="no answer")
CALM = Sight(cameras={"gate": WELL}, connected=True, discarded=0, model="a" * 64, model_name="demo 1")


def kinds(*looks: Sight) -> list[str]:
    return [each.kind.value for pair in pairwise(looks) for each in incidents(*pair)]


def test_nothing_happens_and_nothing_is_told():
    assert kinds(CALM, CALM, CALM) == []


def test_a_camera_is_lost_once_and_back_once_whatever_it_goes_through_meanwhile():
    lost = replace(CALM, cameras={"gate": LOST})
    stalled = replace(CALM, cameras={"gate": replace(LOST, state="stalled", reason="the picture is black")})
    assert kinds(CALM, lost, stalled, lost, CALM) == ["camera_lost", "camera_back"]


def test_a_camera_that_never_showed_anything_is_lost_and_one_that_first_does_is_no_incident():
    nobody = replace(CALM, cameras={})
    assert kinds(nobody, replace(CALM, cameras={"gate": LOST})) == ["camera_lost"]
    assert kinds(nobody, CALM) == []


def test_the_broker_is_lost_and_back_once_and_its_first_connection_is_no_incident():
    away = replace(CALM, connected=False)
    assert kinds(CALM, away, away, CALM) == ["broker_lost", "broker_back"]
    assert kinds(replace(CALM, connected=None), CALM) == []


def test_discards_tell_how_many_since_the_last_look():
    found = list(incidents(replace(CALM, discarded=3), replace(CALM, discarded=10)))
    assert [(each.kind.value, each.facts) for each in found] == [
        ("events_discarded", {"events": 7, "events_of_run": 10})
    ]


def test_consumers_and_models_have_their_lines_too():
    behind = replace(CALM, behind={"sorter": 900})
    assert kinds(CALM, behind, behind, CALM) == ["consumer_behind", "consumer_back"]
    (swapped,) = incidents(CALM, replace(CALM, model="b" * 64, model_name="demo 2"))
    assert (swapped.kind.value, swapped.facts["model"], swapped.facts["digest_before"]) == (
        "model_swapped",
        "demo 2",
        "a" * 64,
    )


CONFIG = f"""
[box]
site = "hall"
name = "box-1"
[bundle]
path = "{BUNDLE}"
trusted_keys = ["{TRUSTED_KEY}"]
[mqtt]
port = {{port}}
at_start = "wait"
[outbox]
path = "outbox.sqlite"
[[camera]]
name = "gate"
source = {{{{ kind = "rtsp", url = "{{url}}", read_timeout_s = 3 }}}}
"""


@pytest.fixture
def run_with_json(tmp_path: Path) -> Iterator[Make]:
    """Run a box whose log is lines of JSON, in a file."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**settings: object) -> Path:
        (tmp_path / "box.toml").write_text(CONFIG.format(**settings))
        command = [sys.executable, "-m", "edge", "run", "--config", str(tmp_path / "box.toml"), "--log-format", "json"]
        with (tmp_path / "log").open("wb") as log:
            started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log))
        return tmp_path / "log"

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(90)
        finally:
            process.kill()


@pytest.mark.timeout(900)
def test_a_real_box_tells_the_loss_and_return_of_broker_and_camera_in_one_line_each(
    mosquitto: Any, network_camera: Make, run_with_json: Make, eventually: Make
):
    # The box is asked for last, so that it is stopped first: without its broker it takes its time to say farewell.
    camera = network_camera(CLIP)
    log = run_with_json(port=mosquitto.port, url=camera.url)

    def told(subject: str) -> list[str]:
        lines = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [line["incident"] for line in lines if line.get("incident", "").startswith(subject)]

    eventually(lambda: "connected to the broker" in log.read_text(), 120)
    eventually(lambda: "shows something" in log.read_text(), 120)
    camera.kill()
    eventually(lambda: told("camera")[-1:] == ["camera_lost"], 120)
    camera.start()
    eventually(lambda: told("camera")[-1:] == ["camera_back"], 120)
    mosquitto.kill()
    eventually(lambda: told("broker")[-1:] == ["broker_lost"], 120)
    mosquitto.start()
    eventually(lambda: told("broker")[-1:] == ["broker_back"], 120)
    # However many attempts there were meanwhile, and however often a slow machine lost them: one line each, in turn.
    for subject in ("camera", "broker"):
        lines = told(subject)
        assert lines == [f"{subject}_lost", f"{subject}_back"] * (len(lines) // 2)

"""A sorting line's controller and `edgekit run`: a real RTSP camera, a real broker, a socket, and a kill."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.demo.show import CLIP

Make = Callable[..., Any]
ROOT = "edgekit/v1/hall/box-1"
EVENTS = f"{ROOT}/cameras/gate/events"
CONFIG = """
[commands]
clients = ["plc"]
audit_log = "audit.jsonl"
[trigger_socket]
port = {socket}
[[camera]]
name = "gate"
source = {{ kind = "rtsp", url = "{url}", read_timeout_s = 1 }}
policy = "trigger"
trigger_deadline_ms = {deadline_ms}
"""


def told(port: int, *arguments: str) -> dict[str, Any]:
    box = ("--site", "hall", "--box", "box-1", "--client", "plc", "--port", str(port), "--json")
    command = [sys.executable, "-m", "edge", "command", *arguments, *box]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return json.loads(done.stdout)


def say(port: int, line: str) -> str:
    with socket.create_connection(("127.0.0.1", port), 10) as connection, connection.makefile("r") as lines:
        connection.sendall(f"{line}\n".encode())
        return lines.readline().strip()


@pytest.mark.timeout(600)
def test_a_controllers_triggers_are_answered_by_one_event_each(
    network_camera: Make,
    mosquitto: Any,
    subscribe: Make,
    eventually: Make,
    start_run: Make,
    free_port: int,
    write_box_toml: Make,
    tmp_path: Path,
):
    camera = network_camera(CLIP)
    subscriber = subscribe(mosquitto.port)
    places = {"socket": free_port, "url": camera.url}
    process = start_run(write_box_toml(mosquitto.port, CONFIG.format(deadline_ms=2_000, **places)))

    def answers(trigger_id: str) -> list[dict[str, Any]]:
        events = [message.json() for message in subscriber.on(EVENTS)]
        return [event for event in events if event["trigger_id"] == trigger_id]

    def state() -> str:
        statuses = subscriber.on(f"{ROOT}/cameras/gate/status")
        return statuses[-1].json()["state"] if statuses else ""

    eventually(lambda: state() == "streaming", 90)
    asked = told(mosquitto.port, "trigger", "--camera", "gate", "--trigger-id", "mqtt-1")
    assert (asked["ok"], asked["result"]["known"], asked["result"]["seq"]) == (True, False, None)
    assert say(free_port, "gate socket-1") == "ok socket-1"
    eventually(lambda: answers("mqtt-1") and answers("socket-1"), 60)
    for trigger_id in ("mqtt-1", "socket-1"):
        (event,) = answers(trigger_id)
        assert event["kind"] in {"read", "multi_read", "no_read"}
        assert event["reason"] != "no_image"
        assert event["latency_ms"]["stages"]["infer"] > 0
    eventually(lambda: subscriber.on(f"{ROOT}/status")[-1].json()["outbox_depth"] == 0)
    again = told(mosquitto.port, "trigger", "--camera", "gate", "--trigger-id", "mqtt-1")
    assert (again["result"]["known"], again["result"]["seq"]) == (True, answers("mqtt-1")[0]["seq"])
    eventually(lambda: len(answers("mqtt-1")) == 2)
    one, other = answers("mqtt-1")
    assert (one["event_id"], one["seq"]) == (other["event_id"], other["seq"])
    assert other["replayed"]
    assert len((tmp_path / "audit-events.jsonl").read_text().splitlines()) == 2

    camera.kill()
    eventually(lambda: state() == "reconnecting", 60)
    began_s = time.monotonic()
    assert say(free_port, "gate blind-1") == "ok blind-1"
    eventually(lambda: answers("blind-1"), 60)
    assert time.monotonic() - began_s < 6
    assert [event["reason"] for event in answers("blind-1")] == ["no_image"]

    process.kill()
    process.wait()
    config = write_box_toml(mosquitto.port, CONFIG.format(deadline_ms=60_000, **places))
    process = start_run(config)
    eventually(lambda: say_or_nothing(free_port, "gate late-1") == "ok late-1", 90)
    process.kill()  # with a trigger that waits
    process.wait()
    process = start_run(config)
    eventually(lambda: answers("late-1"), 90)
    (event,) = answers("late-1")
    assert (event["kind"], event["reason"], event["late"]) == ("no_read", "no_image", True)
    assert say(free_port, "gate late-1") == "ok late-1 known"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def say_or_nothing(port: int, line: str) -> str:
    try:
        return say(port, line)
    except OSError:
        return ""

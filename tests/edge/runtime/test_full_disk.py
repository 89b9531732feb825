"""A disk that is full in the middle of a run: `edgekit run` goes on, says so, and loses nothing once there is room."""

import json
import resource
from collections.abc import Callable
from typing import Any

import pytest

from edge.demo.show import CLIP

Make = Callable[..., Any]
ROOT = "edgekit/v1/hall/box-1"
CONFIG = f"""
[[camera]]
name = "gate"
source = {{ kind = "file", path = "{CLIP}" }}
[[camera.line]]
name = "line"
start = [0.55, 1.0]
end = [0.55, 0.0]
"""


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_run_outlives_a_full_disk_and_delivers_all_when_there_is_room(
    mosquitto: Any, subscribe: Make, eventually: Make, start_run: Make, write_box_toml: Make
):
    subscriber = subscribe(mosquitto.port)
    process = start_run(write_box_toml(mosquitto.port, CONFIG))

    def statuses() -> list[dict[str, Any]]:
        return [message.json() for message in subscriber.on(f"{ROOT}/status")]

    eventually(lambda: any(status["state"] == "online" for status in statuses()), 90)
    unlimited = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, unlimited[1]))
    eventually(lambda: "events wait in memory" in (statuses()[-1]["reason"] or ""), 90)
    assert statuses()[-1]["state"] == "degraded"
    told = len(subscriber.on(f"{ROOT}/cameras/gate/events"))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
    output, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    summary = json.loads(output)
    count = sum(summary["events"].values())
    eventually(lambda: len(subscriber.on(f"{ROOT}/cameras/gate/events")) >= count)
    seqs = [message.json()["seq"] for message in subscriber.on(f"{ROOT}/cameras/gate/events")]
    assert count > told
    assert sorted(set(seqs)) == list(range(1, count + 1))
    assert summary["events"].keys() <= {"read", "no_read", "multi_read"}
    assert errors.count("cannot be written") <= 4  # an incident, not a line for each event

"""`edgekit run` as an integrator meets it: real files, a real broker, a real RTSP server, and faults of every kind."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY

Make = Callable[..., Any]
EDGEKIT = (sys.executable, "-m", "edge")

CONFIG = """
[box]
site = "hall"
name = "box-1"
[bundle]
path = "{bundle}"
trusted_keys = ["{key}"]
[inference]
precision = "{precision}"
[mqtt]
port = {port}
connect_timeout_s = 2
{mqtt}
[outbox]
path = "state/outbox.sqlite"
[[camera]]
name = "gate"
source = {source}
[[camera.line]]
name = "line"
start = [0.55, 1.0]
end = [0.55, 0.0]
{camera}
"""


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Write a box.toml around a source; the shipped bundle and an outbox in the test's folder unless told."""
    (tmp_path / "state").mkdir()

    def write(
        source: str,
        port: int,
        *,
        bundle: Path = BUNDLE,
        key: Path = TRUSTED_KEY,
        mqtt: str = "",
        camera: str = "",
    ) -> Path:
        path = tmp_path / "box.toml"
        precision = "int8" if bundle == BUNDLE else "fp32"  # named, so that no test waits until all was measured
        path.write_text(
            CONFIG.format(
                bundle=bundle, key=key, precision=precision, port=port, mqtt=mqtt, source=source, camera=camera
            )
        )
        return path

    return write


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Make a folder of a few bright pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(5):
        cv2.imwrite(str(folder / f"{index}.png"), np.full((64, 64, 3), 250, np.uint8))
    return folder


def run(config: Path, timeout_s: float = 100) -> subprocess.CompletedProcess[str]:
    arguments = [*EDGEKIT, "run", "--config", str(config), "--json"]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=timeout_s, check=False)


def file_source(path: Path) -> str:
    return f'{{ kind = "file", path = "{path}" }}'


def assert_one_clear_line(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1, done.stderr
    assert len(errors) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in errors[0]


def assert_nothing_begun(state: Path) -> None:
    # How its model is compiled for this machine may have been kept: that is of no run.
    assert {path.name for path in state.iterdir()} <= {"inference"}


def test_a_folder_is_run_to_its_end_and_the_box_says_goodbye(
    make_bundle: Make, write_config: Make, pictures: Path, mosquitto: Any, subscribe: Make, eventually: Make
):
    made = make_bundle()
    subscriber = subscribe(mosquitto.port)
    source = f'{{ kind = "folder", path = "{pictures}" }}'
    done = run(write_config(source, mosquitto.port, bundle=made.folder, key=made.public))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["frames"] == 5
    assert summary["undelivered"] == 0
    root = "edgekit/v1/hall/box-1"
    eventually(lambda: [status.json()["state"] for status in subscriber.on(f"{root}/status")][-1:] == ["offline"])
    states = [status.json()["state"] for status in subscriber.on(f"{root}/status")]
    assert "on CPU, fp32 file computed in f32" in subscriber.on(f"{root}/status")[-1].json()["engine"]
    assert "online" in states
    assert subscriber.on(f"{root}/cameras/gate/status")[-1].json()["state"] == "disabled"


def test_every_event_of_a_real_run_comes_over_the_broker_once_and_without_a_gap(
    write_config: Make, mosquitto: Any, subscribe: Make, eventually: Make, tmp_path: Path
):
    subscriber = subscribe(mosquitto.port)
    (tmp_path / "catalogue.csv").write_text("tag,value,product\nclass,carton,Carton\n")
    (tmp_path / "routes.toml").write_text('exception = "9"\n[[route]]\nlane = "1"\nwhen = { code = "*" }\n')
    tables = '[routing]\ncatalogue = "catalogue.csv"\nroutes = "routes.toml"'
    done = run(write_config(file_source(CLIP), mosquitto.port, camera=tables))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    topic = "edgekit/v1/hall/box-1/cameras/gate/events"
    count = sum(summary["events"].values())
    assert count > 0
    eventually(lambda: len(subscriber.on(topic)) >= count)
    events = [message.json() for message in subscriber.on(topic)]
    assert [event["seq"] for event in events] == list(range(1, count + 1))
    assert len({event["epoch"] for event in events}) == 1
    assert {event["direction"] for event in events} == {"left_to_right"}
    assert {event["product"] for event in events} == {"Carton"}
    assert {(event["kind"], event["route"]) for event in events} == {("read", "1"), ("no_read", "9")}


def test_a_real_video_is_run_to_its_end(data_folder: Path, write_config: Make, mosquitto: Any):
    done = run(write_config(file_source(data_folder / "video" / "bottle-detection.mp4"), mosquitto.port))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["frames"] > 1000
    assert summary["dropped"] == 0
    assert summary["undelivered"] == 0


def real_or_rendered_clip(data: Path) -> Path:
    return data / "video" / "bottle-detection.mp4"


def test_a_network_camera_of_a_real_clip_is_found_again_and_the_gap_told(
    data_folder: Path,
    network_camera: Make,
    write_config: Make,
    mosquitto: Any,
    subscribe: Make,
    eventually: Make,
    start_run: Make,
):
    camera = network_camera(real_or_rendered_clip(data_folder))
    subscriber = subscribe(mosquitto.port)
    root = "edgekit/v1/hall/box-1"

    def state() -> str:
        statuses = subscriber.on(f"{root}/cameras/gate/status")
        return statuses[-1].json()["state"] if statuses else ""

    source = f'{{ kind = "rtsp", url = "{camera.url}", read_timeout_s = 1 }}'
    process = start_run(write_config(source, mosquitto.port))
    eventually(lambda: state() == "streaming", 20)
    camera.kill()
    eventually(lambda: state() == "reconnecting", 10)
    camera.start()
    eventually(lambda: state() == "streaming", 15)
    topic = f"{root}/cameras/gate/events"
    eventually(lambda: len([event for event in subscriber.on(topic) if event.json()["kind"] == "unobserved"]) >= 2)
    gaps = [event.json()["interval"] for event in subscriber.on(topic) if event.json()["kind"] == "unobserved"]
    assert [gap["cause"] for gap in gaps][:2] == ["start", "camera_lost"]
    assert all(gap["from"] < gap["to"] for gap in gaps)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert json.loads(output)["undelivered"] == 0
    eventually(lambda: subscriber.on(f"{root}/status")[-1].json()["state"] == "offline")


def test_an_operator_pauses_a_camera_looks_at_its_picture_and_lets_it_go_on(
    data_folder: Path,
    network_camera: Make,
    write_config: Make,
    mosquitto: Any,
    subscribe: Make,
    eventually: Make,
    start_run: Make,
    tmp_path: Path,
):
    camera = network_camera(real_or_rendered_clip(data_folder))
    subscriber = subscribe(mosquitto.port)
    root = "edgekit/v1/hall/box-1"
    commands = '[commands]\nclients = ["ops"]\naudit_log = "state/audit.jsonl"'
    config = write_config(f'{{ kind = "rtsp", url = "{camera.url}" }}', mosquitto.port, camera=commands)
    start_run(config)

    def state() -> tuple[str, str | None]:
        statuses = subscriber.on(f"{root}/cameras/gate/status")
        return (statuses[-1].json()["state"], statuses[-1].json()["reason"]) if statuses else ("", None)

    def told(*arguments: str) -> subprocess.CompletedProcess[str]:
        box = ("--site", "hall", "--box", "box-1", "--client", "ops", "--port", str(mosquitto.port))
        command = [*EDGEKIT, "command", *arguments, *box]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    eventually(lambda: state() == ("streaming", None), 20)
    assert told("pause", "--camera", "gate").returncode == 0
    eventually(lambda: state() == ("disabled", "paused by ops"))
    picture = tmp_path / "gate.jpg"
    assert told("snapshot", "--camera", "gate", "--picture", str(picture)).returncode == 0
    assert cv2.imread(str(picture)) is not None
    refused = told("pause", "--camera", "door")
    assert (refused.returncode, refused.stdout) == (1, "pause: refused: there is no camera 'door': name one of gate\n")
    assert told("resume", "--camera", "gate").returncode == 0
    eventually(lambda: state() == ("streaming", None))
    events = f"{root}/cameras/gate/events"

    def causes() -> list[str]:
        return [event.json()["interval"]["cause"] for event in subscriber.on(events) if event.json()["interval"]]

    eventually(lambda: causes() == ["start", "paused"])  # told with the first picture, which comes after the status
    assert len((tmp_path / "state" / "audit.jsonl").read_text().splitlines()) == 4


def test_a_missing_video_is_one_clear_line_and_leaves_nothing(write_config: Make, mosquitto: Any, tmp_path: Path):
    done = run(write_config(file_source(tmp_path / "missing.mp4"), mosquitto.port))
    assert_one_clear_line(done, "there is no video at", "missing.mp4")
    assert_nothing_begun(tmp_path / "state")


def test_a_truncated_video_is_one_clear_line(write_config: Make, mosquitto: Any, tmp_path: Path):
    cut = tmp_path / "cut.mp4"
    content = CLIP.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    assert_one_clear_line(run(write_config(file_source(cut), mosquitto.port)), "cut.mp4")


def test_a_config_with_an_unknown_key_names_it_and_what_is_allowed(write_config: Make, mosquitto: Any, tmp_path: Path):
    done = run(write_config(file_source(CLIP), mosquitto.port, camera="hysterisis = 0.1"))
    assert_one_clear_line(done, "unknown key camera[0].line[0].hysterisis", "allowed here: name, start, end")
    assert_nothing_begun(tmp_path / "state")


def test_a_config_with_a_wrong_type_names_the_key_and_the_type(write_config: Make, mosquitto: Any):
    done = run(write_config(file_source(CLIP), mosquitto.port, camera='hysteresis = "much"'))
    assert_one_clear_line(done, "camera[0].line[0].hysteresis", "number", "much")


def test_a_broker_that_is_not_there_is_one_clear_line(write_config: Make, free_port: int):
    assert_one_clear_line(run(write_config(file_source(CLIP), free_port)), "broker", str(free_port))


def test_a_broker_that_refuses_is_one_clear_line(write_config: Make, make_mosquitto: Make):
    broker = make_mosquitto("allow_anonymous false")
    assert_one_clear_line(run(write_config(file_source(CLIP), broker.port)), "broker", str(broker.port))


def test_a_bundle_with_a_changed_byte_is_one_clear_line_and_leaves_nothing(
    make_bundle: Make, write_config: Make, pictures: Path, mosquitto: Any, tmp_path: Path
):
    made = make_bundle()
    model = made.folder / "detector.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    source = f'{{ kind = "folder", path = "{pictures}" }}'
    done = run(write_config(source, mosquitto.port, bundle=made.folder, key=made.public))
    assert_one_clear_line(done, "detector.onnx", "changed after signing")
    assert_nothing_begun(tmp_path / "state")


def test_a_model_whose_head_is_unknown_is_one_clear_line_and_leaves_nothing(
    make_bundle: Make, write_config: Make, pictures: Path, mosquitto: Any, tmp_path: Path
):
    made = make_bundle(head_rows=9)
    source = f'{{ kind = "folder", path = "{pictures}" }}'
    done = run(write_config(source, mosquitto.port, bundle=made.folder, key=made.public))
    assert_one_clear_line(done, "(1, 9, 4)", "this version knows yolo-grid")
    assert_nothing_begun(tmp_path / "state")


def test_a_stocktake_of_a_running_box_tells_what_stands_on_its_shelves(
    make_bundle: Make, write_config: Make, mosquitto: Any, subscribe: Make, eventually: Make, start_run: Make
):
    made = make_bundle()  # finds one carton in the middle of every picture
    subscriber = subscribe(mosquitto.port)
    more = """
[[camera.shelf]]
name = "rack"
rectangle = [0.2, 0.2, 0.8, 0.8]
expected = ["carton"]
min = 2
debounce_s = 0.3
[commands]
clients = ["ops"]
audit_log = "state/audit.jsonl"
"""
    source = f'{{ kind = "file", path = "{CLIP}", realtime = true }}'
    start_run(write_config(source, mosquitto.port, bundle=made.folder, key=made.public, camera=more))
    root = "edgekit/v1/hall/box-1"
    topic = f"{root}/cameras/gate/shelf/rack"
    eventually(lambda: subscriber.on(topic), 40)
    (kept,) = (message.json() for message in subscriber.on(topic))
    assert [(count["tag"], count["count"]) for count in kept["counts"]] == [("carton", 1)]

    def of_the_rack() -> list[tuple[str, int]]:
        events = [message.json() for message in subscriber.on(f"{root}/cameras/gate/events")]
        return [(event["kind"], event["stock"]["count"]) for event in events if event["zone"] == "rack"]

    eventually(lambda: len(of_the_rack()) >= 2)  # they come over the outbox, the kept count does not
    assert of_the_rack() == [("count", 1), ("low_stock", 1)]
    box = ("--site", "hall", "--box", "box-1", "--client", "ops", "--port", str(mosquitto.port))
    asked = [*EDGEKIT, "command", "stocktake", *box]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout
    assert told.startswith("stocktake: gate/rack: carton 1; seen 20")
    reply = json.loads(subprocess.run([*asked, "--json"], capture_output=True, timeout=60, check=True).stdout)
    (zone,) = reply["result"]["zones"]
    assert zone["counts"] == kept["counts"]
    assert zone["seen_at"] > kept["captured_at"]
    assert reply["result"]["stale"] == (["gate"] if zone["stale"] else [])

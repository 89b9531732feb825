"""Detections of each frame go out where asked for, get lost rather than delay, and cost nothing where nobody asked."""

import socket
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from devices.errors import EdgekitError
from edge.config import load_config
from edge.mqtt.detection_messages import DetectionsMessage
from edge.mqtt.link import Link
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics
from edge.mqtt.wire import json_schema
from edge.runtime.box import run_box

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto, Subscriber

TOPIC = Topics("hall", "box-1").detections("gate")


@pytest.fixture
def box(write_box_toml: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Write a box that looks at five pictures in turn."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(5):
        cv2.imwrite(str(pictures / f"{number}.png"), np.full((48, 64, 3), 230 if number % 2 else 10, np.uint8))

    def write(bundle: Any, port: int, mqtt: str = "", camera: str = "") -> Path:
        rest = f"""
[inference]
precision = "fp32"
[[camera]]
name = "gate"
source = {{ kind = "folder", path = "pictures" }}
policy = "every"
{camera}
"""
        return write_box_toml(port, rest, bundle=bundle.folder, key=bundle.public, mqtt=mqtt)

    return write


def test_each_frame_is_told_with_its_boxes(
    make_bundle: Callable[..., Any],
    mosquitto: "Mosquitto",
    subscribe: "Callable[..., Subscriber]",
    box: Callable[..., Path],
    eventually: Callable[..., None],
) -> None:
    watcher = subscribe(mosquitto.port)
    config = load_config(box(make_bundle(), mosquitto.port, 'detections = ["gate"]'))
    run_box(config, threading.Event())
    eventually(lambda: len(watcher.on(TOPIC)) == 5)
    told = [message.json() for message in watcher.on(TOPIC)]
    for message in told:
        Draft202012Validator(json_schema(DetectionsMessage)).validate(message)
    assert [message["frame"]["index"] for message in told] == list(range(5))
    assert [[found["label"] for found in message["detections"]] for message in told] == [[], ["carton"]] * 2 + [[]]
    assert told[1]["detections"][0]["pixels"] == pytest.approx([16, 16, 48, 32], abs=0.5)
    assert not any(message.retain for message in watcher.on(TOPIC))


def test_where_nobody_asked_nothing_is_made(
    make_bundle: Callable[..., Any],
    mosquitto: "Mosquitto",
    subscribe: "Callable[..., Subscriber]",
    box: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_arguments: object) -> None:
        raise AssertionError("a message was made")

    monkeypatch.setattr("edge.runtime.detections.DetectionSender.__call__", fail)
    watcher = subscribe(mosquitto.port)
    assert run_box(load_config(box(make_bundle(), mosquitto.port)), threading.Event()).frames == 5
    assert watcher.on(TOPIC) == []


def test_a_camera_that_is_not_there_is_named(make_bundle: Callable[..., Any], box: Callable[..., Path]) -> None:
    with pytest.raises(EdgekitError, match="plc or detections in \\[mqtt\\] name cameras that are not there: dock"):
        load_config(box(make_bundle(), 1883, 'plc = ["dock"]'))


def test_a_slow_line_loses_offers_and_holds_up_nobody() -> None:
    """A broker that accepts, then reads nothing any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # its connections inherit it
        taken: list[socket.socket] = []

        def accept() -> None:
            connection = server.accept()[0]
            connection.recv(1024)
            connection.sendall(b"\x20\x03\x00\x00\x00")  # CONNACK: accepted
            taken.append(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        began = datetime.now(timezone.utc)
        link = Link.open(Mqtt(port=server.getsockname()[1]), "box", None, lambda _signal: None)
        thread.join()
        went = [link.offer(TOPIC, bytes(10_000)) for _ in range(2000)]
        link.abort()
        taken[0].close()
    assert went[0]
    assert not went[-1]
    assert sum(went) * 10_000 < 500_000
    assert (datetime.now(timezone.utc) - began).total_seconds() < 30
    assert not link.offer(TOPIC, b"after the end")


def test_outlines_are_told_where_the_model_segments_and_the_camera_is_asked_for_them(
    make_bundle: Callable[..., Any],
    mosquitto: "Mosquitto",
    subscribe: "Callable[..., Subscriber]",
    box: Callable[..., Path],
    eventually: Callable[..., None],
) -> None:
    watcher = subscribe(mosquitto.port)
    made = make_bundle(segments=True)
    for camera, outlined in (("", False), ("outlines = true", True)):
        before = len(watcher.on(TOPIC))
        path = box(made, mosquitto.port, 'detections = ["gate"]', camera)
        run_box(load_config(path), threading.Event())
        eventually(lambda before=before: len(watcher.on(TOPIC)) == before + 5)
        told = [each for message in watcher.on(TOPIC)[before:] for each in message.json()["detections"]]
        assert len(told) == 2
        for detection in told:
            if not outlined:
                assert detection["outline"] is None
                continue
            across, down = zip(*detection["outline"], strict=True)
            # The box is the middle half of the input; what is the object's own ends in the picture's middle.
            assert (min(across), max(across)) == pytest.approx((0.25, 0.5), abs=0.02)
            assert (min(down), max(down)) == pytest.approx((1 / 3, 2 / 3), abs=0.03)

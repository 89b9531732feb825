"""A box with a classifier, whole: a real broker, two real models on real engines, pictures from a folder."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.config import load_config
from edge.runtime.box import run_box
from edge.runtime.classifying import Classifying

Make = Callable[..., Any]
TOPIC = "edgekit/v1/hall/box-1/cameras/gate"
STATUS = "edgekit/v1/hall/box-1/status"

CONFIG = """
[classifier]
path = "{classifier}"
backend = "{backend}"
requests = 2
{more}
[[camera]]
name = "gate"
source = {{ kind = "folder", path = "pictures" }}
[[camera.shelf]]
name = "rack"
rectangle = [0.1, 0.1, 0.9, 0.9]
count_by = "colour"
expected = ["red", "green"]
debounce_s = 0.3
"""


@pytest.fixture
def write_box(
    make_bundle: Make, make_classifier_bundle: Make, mosquitto: Any, write_box_toml: Make, tmp_path: Path
) -> Callable[..., Path]:
    """Write a box that sees two seconds of red and then two of blue, one thing in the middle of each picture."""

    def write(backend: str = "onnxruntime", more: str = "") -> Path:
        detector, classifier = make_bundle(), make_classifier_bundle()
        folder = tmp_path / "pictures"
        folder.mkdir()
        for index in range(40):
            picture = np.zeros((96, 128, 3), np.uint8)
            picture[:] = (20, 20, 230) if index < 20 else (230, 20, 20)
            cv2.imwrite(str(folder / f"{index:03}.png"), picture)
        rest = CONFIG.format(classifier=classifier.folder, backend=backend, more=more)
        return write_box_toml(mosquitto.port, rest, bundle=detector.folder, key=detector.public)

    return write


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_shelf_counts_what_the_classifier_tells_and_notices_what_took_its_place(
    write_box: Make, mosquitto: Any, subscribe: Make, eventually: Make, backend: str
):
    subscriber = subscribe(mosquitto.port)
    summary = run_box(load_config(write_box(backend)), threading.Event())
    assert summary.undelivered == 0
    count = sum(summary.events.values())
    eventually(lambda: len(subscriber.on(f"{TOPIC}/events")) >= count)
    events = [message.json() for message in subscriber.on(f"{TOPIC}/events")]
    counts = [
        (event["stock"]["tag"], event["stock"]["before"], event["stock"]["count"])
        for event in events
        if event["kind"] == "count"
    ]
    assert counts == [("green", None, 0), ("red", None, 1), ("blue", 0, 1), ("red", 1, 0)]
    (stranger,) = (event for event in events if event["kind"] == "misplaced")
    told = {(tag["key"], tag["value"], tag["source"]) for tag in stranger["tags"]}
    assert told == {
        ("class", "carton", "detector"),
        ("colour", "blue", "classifier"),
        ("warmth", "cold", "classifier"),
    }
    status = subscriber.on(STATUS)[-2].json()  # before the farewell
    assert {event["classifier_digest"] for event in events} == {status["classifier_digest"]}
    assert status["classifier_digest"] not in (None, status["model_digest"])
    assert status["looks"]["classifier"]["looks"] >= 4
    assert status["looks"]["classifier"]["failed"] == 0


def test_a_classifier_that_fails_is_told_in_the_status_and_shelves_are_counted_by_class_meanwhile(
    write_box: Make, mosquitto: Any, subscribe: Make, eventually: Make, monkeypatch: pytest.MonkeyPatch
):
    def fails(*_arguments: object) -> None:
        raise RuntimeError("this model is broken")

    config = load_config(write_box())
    monkeypatch.setattr(Classifying, "say", fails)
    subscriber = subscribe(mosquitto.port)
    summary = run_box(config, threading.Event())
    eventually(lambda: len(subscriber.on(f"{TOPIC}/events")) >= sum(summary.events.values()))
    eventually(lambda: subscriber.on(STATUS)[-1].json()["state"] == "offline")
    counts = subscriber.on(STATUS)[-1].json()["looks"]["classifier"]
    assert (counts["looks"], counts["failed"] > 0) == (0, True)
    tags = {event.json()["stock"]["tag"] for event in subscriber.on(f"{TOPIC}/events")}
    assert tags == {"red", "green", "carton"}  # red and green are expected there


def test_crops_of_a_class_that_the_detector_does_not_know_are_refused(write_box: Make, tmp_path: Path):
    path = write_box(more='classes = ["bottle"]')
    with pytest.raises(EdgekitError, match=r"classes of \[classifier\] names bottle, which the detector does not know"):
        run_box(load_config(path), threading.Event())
    assert not (tmp_path / "outbox.sqlite").exists()

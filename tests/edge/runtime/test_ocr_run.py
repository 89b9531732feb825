"""A box that reads printed fields, whole: a real broker, a real model, real OCR, pictures from a folder."""

import sys
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

Make = Callable[..., Any]
TOPIC = "edgekit/v1/hall/box-1/cameras/gate"
CONFIG = """
[inference]
backend = "onnxruntime"
[ocr]
[[camera]]
name = "gate"
source = { kind = "folder", path = "pictures" }
[[camera.shelf]]
name = "rack"
rectangle = [0.1, 0.1, 0.9, 0.9]
debounce_s = 0.3
"""


@pytest.fixture
def write_box(write_box_toml: Make, tmp_path: Path) -> Callable[[Any, int], Path]:
    """Write a box that sees nothing for a second, and then a product with a price on it."""

    def write(bundle: Any, port: int) -> Path:
        pictures = tmp_path / "pictures"
        pictures.mkdir()
        for index in range(40):
            picture = np.full((480, 640, 3), 20, np.uint8)
            if index >= 10:
                picture[160:320, 160:480] = 230
                ink = (20, 20, 20)
                cv2.putText(picture, "EUR 12.49", (190, 255), cv2.FONT_HERSHEY_SIMPLEX, 1.6, ink, 3, cv2.LINE_AA)
            cv2.imwrite(str(pictures / f"{index:03}.png"), picture)
        return write_box_toml(port, CONFIG, bundle=bundle.folder, key=bundle.public)

    return write


def test_a_product_is_told_with_the_price_that_is_printed_on_it(
    make_bundle: Make, mosquitto: Any, write_box: Make, subscribe: Make, eventually: Make
):
    subscriber = subscribe(mosquitto.port)
    summary = run_box(load_config(write_box(make_bundle(printed=True), mosquitto.port)), threading.Event())
    assert summary.undelivered == 0
    eventually(lambda: len(subscriber.on(f"{TOPIC}/events")) >= sum(summary.events.values()))
    events = [message.json() for message in subscriber.on(f"{TOPIC}/events")]
    (come,) = (event for event in events if event["kind"] == "appeared")
    (price,) = (tag for tag in come["tags"] if tag["source"] == "ocr")
    assert (price["key"], price["value"]) == ("price", "12.49 EUR")
    assert 0.9 <= price["score"] <= 1
    assert {event["stock"]["tag"] for event in events} == {"carton"}  # a price is no product


def test_a_detector_that_finds_no_field_is_refused(make_bundle: Make, write_box: Make):
    with pytest.raises(EdgekitError, match=r"\[ocr\] has nothing to read: the detector finds none of name, brand"):
        run_box(load_config(write_box(make_bundle(), 1)), threading.Event())


def test_a_missing_extra_is_told_with_the_line_that_installs_it(
    make_bundle: Make, write_box: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(EdgekitError, match=r"needs the extra \[ocr\]: pip install 'edgekit\[ocr\]'"):
        run_box(load_config(write_box(make_bundle(printed=True), 1)), threading.Event())
    assert not (tmp_path / "outbox.sqlite").exists()

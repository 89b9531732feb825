"""From weights to events: a COCO detector, exported and signed, watches bottles that are taken and put back.

What happens in the clip was written down by eye, before anything ran on it.
"""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import cv2
import pytest

from edge.config import Box, BoxConfig, Bundle, Inference
from edge.demo.listener import Listener
from edge.model.assemble import assemble
from edge.model.export_record import DETECTOR, ExportRecord
from edge.model.manifest import Input, Thresholds, WeightsEntry
from edge.model.model_files import BundleParts
from edge.model.signature import create_key, load_private
from edge.mqtt.broker import EmbeddedBroker
from edge.mqtt.messages import EventMessage
from edge.mqtt.section import Mqtt, Outbox
from edge.mqtt.topics import Topics
from edge.runtime.box import run_box
from edge.video.section import Camera, FileSource
from edge.zones import Shelf
from train.detector import LICENCE
from train.export import export_onnx

FPS = 29.83
HEIGHT, WIDTH = 192, 320
SEEN_BY_EYE_S = 0.6  # how well an eye tells when a bottle leaves the shelf, or is at rest on it in a hand


@dataclass(frozen=True)
class Said:
    """What is to be told: kind, how many bottles stand by then, and when that was so, seconds into the clip."""

    kind: str
    count: int
    since_s: float


# Three bottles stand on the shelf. By eye, in seconds: the left one is lifted at 6.7 and stands again at 12.4. The left
# and the middle one are lifted at 17.4; the middle one stands again at 23.7, the left one at 28.0. The right one is
# lifted at 31.7 and stands again at 36.1. Nothing else is brought or taken, and nobody passes.
# With 8 s to put a bottle back, the left one is removed the second time: it is away for more than 10 s.
EXPECTED = (
    Said("count", 3, 2.0),
    Said("count", 2, 6.7),
    Said("put_back", 3, 12.4),
    Said("count", 3, 12.4),
    Said("count", 1, 17.4),
    Said("low_stock", 1, 17.4),
    Said("put_back", 2, 23.7),
    Said("count", 2, 23.7),
    Said("removed", 2, 17.4),
    Said("appeared", 3, 28.0),
    Said("count", 3, 28.0),
    Said("count", 2, 31.7),
    Said("put_back", 3, 36.1),
    Said("count", 3, 36.1),
)


@pytest.fixture
def bundle(data_folder: Path, tmp_path: Path) -> Bundle:
    """Export the weights, and sign them with a picture of the clip as their self-test."""
    weights = tmp_path / "yolo11n-coco.pt"
    weights.write_bytes((data_folder / "weights" / weights.name).read_bytes())
    export = tmp_path / "export"
    classes = export_onnx(weights, export / DETECTOR.exported, height=HEIGHT, width=WIDTH).classes
    record = ExportRecord(
        licence=LICENCE,
        classes=classes,
        input=Input(height=HEIGHT, width=WIDTH),
        head="yolo-grid",
        data=(),
        weights=WeightsEntry(name=weights.name, licence=LICENCE, source="a checkpoint of Ultralytics' YOLO"),
        recipe="a test's",
    )
    (export / DETECTOR.record).write_text(record.model_dump_json(by_alias=True), encoding="utf-8")
    with av.open(str(data_folder / "video" / "bottle-detection.mp4")) as clip:
        cv2.imwrite(str(tmp_path / "first.jpg"), next(clip.decode(video=0)).to_ndarray(format="bgr24"))
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    create_key(private, public)
    parts = BundleParts(
        name="coco",
        version="1",
        release=1,
        export=export,
        int8=None,
        with_fp32=True,
        self_test=tmp_path / "first.jpg",
    )
    assemble(parts, Thresholds(score=0.35, nms_iou=0.6), tmp_path / "bundle", load_private(private))
    return Bundle(path=tmp_path / "bundle", trusted_keys=(public,))


@pytest.mark.timeout(400)  # 1189 pictures of real inference, fewer with the motion gate
@pytest.mark.parametrize("policy", ["every", "motion"])
def test_bottles_that_are_taken_and_put_back_are_told_as_they_were_seen_by_eye(
    data_folder: Path, bundle: Bundle, tmp_path: Path, policy: Literal["every", "motion"]
):
    shelf = Shelf.model_validate(
        {
            "name": "rack",
            "rectangle": (0.0, 0.4, 1.0, 0.8),
            "expected": ("bottle",),
            "tags": ("bottle",),
            "min": 2,
            "max": 3,
            "debounce_s": 1.0,
            "put_back_s": 8.0,
        }
    )
    clip = FileSource(kind="file", path=data_folder / "video" / "bottle-detection.mp4")
    told = played(Camera(name="wall", source=clip, policy=policy, shelf=(shelf,)), bundle, tmp_path)
    assert [(said.kind, said.count) for said in told] == [(said.kind, said.count) for said in EXPECTED]
    assert [said.since_s for said in told] == pytest.approx([said.since_s for said in EXPECTED], abs=SEEN_BY_EYE_S)


def played(camera: Camera, bundle: Bundle, folder: Path) -> list[Said]:
    """Run a box on a clip, and return what it told over the broker."""
    events: list[EventMessage] = []
    with EmbeddedBroker() as broker:
        topic = Topics("hall", "box-1").events(camera.name)
        with Listener(broker.host, broker.port, topic, events.append):
            config = BoxConfig(
                box=Box(site="hall", name="box-1"),
                bundle=bundle,
                inference=Inference(precision="fp32"),
                mqtt=Mqtt(host=broker.host, port=broker.port),
                outbox=Outbox(path=folder / "outbox.sqlite"),
                camera=(camera,),
            )
            summary = run_box(config, threading.Event())
            end_s = time.monotonic() + 10
            while len(events) < sum(summary.events.values()) and time.monotonic() < end_s:
                time.sleep(0.01)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return one_count_a_moment([said_by(event) for event in events])


def said_by(event: EventMessage) -> Said:
    assert event.frame is not None
    assert event.stock is not None
    ago = event.captured_at.time - event.stock.since
    return Said(event.kind.value, event.stock.count, event.frame.index / FPS - ago.total_seconds())


def one_count_a_moment(told: list[Said]) -> list[Said]:
    """Return what was told without a count that the next one overtakes: of two hands, one may be sooner out of view."""
    pairs = zip(told, [*told[1:], None], strict=True)
    return [
        said
        for said, following in pairs
        if following is None
        or not said.kind == following.kind == "count"
        or following.since_s - said.since_s > SEEN_BY_EYE_S
    ]

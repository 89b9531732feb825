"""Scenes that nothing was chosen on, belts of fresh seeds and a filmed shelf, judged on what the measure never saw.

The first part of a scene is the measure, the rest goes on as it was, darkened, blurred or with other products. Windows
are of seconds here, of a minute on a box: what is shown is that a change stands out from what such scenes do anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.demo.show import BUNDLE, TRUSTED_KEY
from edge.drift.section import Drift
from edge.drift.watch import DriftWatch
from edge.model.bundle import open_bundle
from edge.model.decode import Decoder
from edge.model.detections import Detections
from edge.model.detector import Detector, load_detector, load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.video.frame import ClockSource, Frame
from train.export import export_onnx
from train.synth.clip import ClipConfig, plan_clip, render_clip

NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
BELTS = range(411, 419)
BELT_FPS, BELT_EVERY = 10, 5
SHELF = Path("video/bottle-detection.mp4")
SHELF_FPS, SHELF_EVERY = 30, 8
SHELF_SIZE = (384, 640)
REFERENCE_WINDOWS, ALARM_WINDOWS = 7, 2
Image = NDArray[np.uint8]
Change = Callable[[Image, Detections], Image]


@dataclass(frozen=True)
class Scene:
    """Pictures of one camera, so many seconds apart, and what its model finds in them."""

    detector: Detector
    product: str
    period_s: float
    pictures: list[Image]
    found: list[Detections]

    @classmethod
    def of(cls, detector: Detector, product: str, period_s: float, pictures: list[Image]) -> "Scene":
        """Return a scene with what is found in it as it is."""
        return cls(detector, product, period_s, pictures, [detector.detect(picture) for picture in pictures])

    def watched(self, folder: Path, window_s: float, change: Change | None) -> set[str]:
        """Return the figures that were ever called off after the measure was taken of the scene as it is."""
        settings = Drift(
            state=folder / "drift.json",
            window_s=window_s,
            reference_windows=REFERENCE_WINDOWS,
            alarm_windows=ALARM_WINDOWS,
        )
        watch = DriftWatch(settings, ["gate"], "a")
        product, told = self.detector.classes.index(self.product), set[str]()
        for number, (picture, as_it_is) in enumerate(zip(self.pictures, self.found, strict=True)):
            shown, found = picture, as_it_is
            if change is not None and not watch.learning["gate"]:
                shown = change(picture, as_it_is.where(as_it_is.class_id == product))
                found = self.detector.detect(shown)
            second = number * self.period_s
            at = NOON + timedelta(seconds=second)
            frame = Frame("gate", number, at, ClockSource.HOST, second, 0.0, shown)
            watch.see_frame(frame, found, self.detector.classes, "a")
            told |= {each.figure for each in watch.off["gate"]}
        judged = len(self.pictures) * self.period_s / window_s - REFERENCE_WINDOWS
        assert judged > 2 * ALARM_WINDOWS, "too short a scene tells nothing"
        return told


def darkened(picture: Image, _products: Detections) -> Image:
    return np.asarray(picture * 0.45, np.uint8)


def blurred(picture: Image, _products: Detections) -> Image:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.uint8)


def new_products(picture: Image, products: Detections) -> Image:
    """Return the scene with plain grey crates in place of its products."""
    changed = picture.copy()
    for left, top, right, bottom in products.xyxy.astype(int).tolist():
        cv2.rectangle(changed, (left, top), (right, bottom), (95, 95, 95), cv2.FILLED)
    return changed


def told_by_change(scene: Scene, folder: Path, window_s: float) -> dict[str, set[str]]:
    told: dict[str, set[str]] = {}
    for change in (None, darkened, blurred, new_products):
        name = change.__name__ if change is not None else "as it was"
        (folder / name).mkdir()
        told[name] = scene.watched(folder / name, window_s, change)
    return told


def check(told: dict[str, set[str]], product: str) -> None:
    assert told["as it was"] == set(), told
    assert "brightness" in told["darkened"], told
    assert "sharpness" in told["blurred"], told
    assert {"objects", "score", f"share_of_{product}"} & told["new_products"], told


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", BELTS)
def test_on_a_fresh_belt_each_change_is_named_and_what_goes_on_as_it_was_is_not(seed: int, tmp_path: Path):
    plan = plan_clip(ClipConfig(fps=BELT_FPS, parcels=56, least_clear_frames=3), seed)
    every = slice(None, None, BELT_EVERY)
    plan = replace(plan, belt_cm=plan.belt_cm[every], blur_cm=plan.blur_cm[every], boxes=plan.boxes[every])
    detector = load_detector(open_bundle(BUNDLE, [TRUSTED_KEY]), backend="openvino", precision="int8")
    scene = Scene.of(detector, "carton", BELT_EVERY / BELT_FPS, [frame.image for frame in render_clip(plan)])
    told = told_by_change(scene, tmp_path, window_s=5.0)
    print(f"belt {seed}, {len(scene.pictures)} pictures: {told}")  # noqa: T201 - the table in RESULTS.md
    check(told, "carton")


@pytest.mark.timeout(1800)
@pytest.mark.long
def test_on_a_filmed_shelf_each_change_is_named_and_what_goes_on_as_it_was_is_not(data_folder: Path, tmp_path: Path):
    exported = export_onnx(
        data_folder / "weights" / "yolov8n-coco.pt",
        tmp_path / "coco.onnx",
        height=SHELF_SIZE[0],
        width=SHELF_SIZE[1],
    )
    request = EngineRequest(ModelContent.read(tmp_path / "coco.onnx"), "fp32", *SHELF_SIZE, requests=1)
    decoder = Decoder(exported.head, len(exported.classes), 0.35, 0.6)
    detector = Detector(load_engine("openvino", request), decoder, exported.classes, *SHELF_SIZE)
    pictures: list[Image] = []
    with av.open(str(data_folder / SHELF)) as clip:
        for index, frame in enumerate(clip.decode(video=0)):
            if index % SHELF_EVERY == 0:
                pictures.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
    scene = Scene.of(detector, "bottle", SHELF_EVERY / SHELF_FPS, pictures)
    told = told_by_change(scene, tmp_path, window_s=3.0)
    print(f"shelf, {len(pictures)} pictures: {told}")  # noqa: T201 - the table in RESULTS.md
    check(told, "bottle")

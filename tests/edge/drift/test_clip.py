"""The demonstration's belt, as it was and as it may become: darkened, blurred, with products that nobody has seen."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.drift.section import Drift
from edge.drift.watch import DriftWatch
from edge.model.bundle import open_bundle
from edge.model.detections import Detections
from edge.model.detector import Detector, load_detector
from edge.video.frame import ClockSource, Frame

NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
EVERY = 15  # frames of the clip: 2 a second
WINDOW_S = 6.0
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Belt:
    """Pictures of the clip with what the bundled model finds in them."""

    detector: Detector
    pictures: list[Image]
    found: list[Detections]


@pytest.fixture(scope="module")
def belt() -> Belt:
    detector = load_detector(open_bundle(BUNDLE, [TRUSTED_KEY]), backend="openvino", precision="int8")
    pictures: list[Image] = []
    with av.open(str(CLIP)) as clip:
        clip.streams.video[0].thread_type = "AUTO"
        for index, frame in enumerate(clip.decode(video=0)):
            if index % EVERY == 0:
                pictures.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
    return Belt(detector, pictures, [detector.detect(picture) for picture in pictures])


class Camera:
    """Shows a watch one picture after the other."""

    def __init__(self, watch: DriftWatch, detector: Detector) -> None:
        self._watch = watch
        self._detector = detector
        self._second = 0.0

    def show(self, picture: Image, found: Detections | None = None) -> None:
        at = NOON + timedelta(seconds=self._second)
        frame = Frame("gate", 0, at, ClockSource.HOST, self._second, 0.0, picture)
        seen = self._detector.detect(picture) if found is None else found
        self._watch.see_frame(frame, seen, self._detector.classes, "a")
        self._second += EVERY / 30

    @property
    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._second)


@pytest.fixture
def camera(belt: Belt, tmp_path: Path) -> tuple[DriftWatch, Camera]:
    """Return a watch that has seen the whole clip, and who goes on showing it."""
    settings = Drift(state=tmp_path / "drift.json", window_s=WINDOW_S, reference_windows=7, alarm_windows=2)
    watch = DriftWatch(settings, ["gate"], "a")
    shown = Camera(watch, belt.detector)
    for picture, found in zip(belt.pictures, belt.found, strict=True):
        shown.show(picture, found)
    return watch, shown


def darkened(picture: Image, _found: Detections) -> Image:
    return np.asarray(picture * 0.45, np.uint8)


def blurred(picture: Image, _found: Detections) -> Image:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.uint8)


def new_products(picture: Image, found: Detections) -> Image:
    """Return the belt with plain grey crates, without any label, in place of the cartons."""
    changed = picture.copy()
    for left, top, right, bottom in found.xyxy[found.class_id == 0].astype(int):
        cv2.rectangle(
            changed, (int(left) + 6, int(top) + 6), (int(right) - 6, int(bottom) - 6), (95, 95, 95), cv2.FILLED
        )
    return changed


def test_nothing_is_told_of_a_belt_that_goes_on_as_it_was(belt: Belt, camera: tuple[DriftWatch, Camera]):
    watch, shown = camera
    assert watch.learning == {"gate": False}
    for _ in range(3):
        for picture, found in zip(belt.pictures, belt.found, strict=True):
            shown.show(picture, found)
            assert watch.off == {"gate": ()}


@pytest.mark.parametrize(
    ("change", "figures"),
    [(darkened, {"brightness"}), (blurred, {"sharpness"}), (new_products, {"score", "share_of_carton"})],
)
def test_what_moved_is_named_with_its_camera_and_since_when(
    belt: Belt,
    camera: tuple[DriftWatch, Camera],
    change: Callable[[Image, Detections], Image],
    figures: set[str],
):
    watch, shown = camera
    began = shown.now
    for picture, found in list(zip(belt.pictures, belt.found, strict=True))[: int(4 * WINDOW_S * 30 / EVERY)]:
        shown.show(change(picture, found))
    (moved,) = watch.off.values()
    told = {each.figure: each for each in moved}
    assert figures & told.keys(), told
    first = min(each.since for each in moved)
    # A window that shows too few objects to tell anything by is no evidence: the next one is.
    assert began - timedelta(seconds=WINDOW_S) <= first <= began + timedelta(seconds=2 * WINDOW_S)
    assert all("camera gate drifts: " in alarm for alarm in watch.alarms)
    for picture, found in [*zip(belt.pictures, belt.found, strict=True)][: int(4 * WINDOW_S * 30 / EVERY)]:
        shown.show(picture, found)
    assert watch.off == {"gate": ()}, "it is told as over when all is as it was"

"""Crops are asked for and heard of later: parcels wait no longer than their deadline, shelves count by product."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.config import Codes
from edge.model.detections import Detections
from edge.tags.crops import ClassifierUse, Crop, Look
from edge.tags.events import EventKind, Tag, TagEvent, TagSource
from edge.tags.interpreter import CameraInterpreter
from edge.tags.verdict import Attributes, VoteSettings
from edge.video.frame import ClockSource, Frame
from edge.video.section import Camera, FileSource
from edge.zones import Line, Shelf

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
COLOURS = {"blue": (200, 0, 0), "green": (0, 200, 0), "red": (0, 0, 200)}
USE = ClassifierUse(Attributes(("colour",), (), {"colour": tuple(COLOURS)}), VoteSettings(2, 4))
SOURCE = FileSource(kind="file", path=Path("x.mp4"))
Things = list[tuple[int, str]]


def picture(index: int, things: Things) -> tuple[Frame, Detections]:
    """Return a frame (200, 600, 3) with coloured squares of 80 at some left edges, as a perfect detector sees it."""
    image = np.full((200, 600, 3), 60, np.uint8)
    for left, colour in things:
        cv2.rectangle(image, (left, 60), (left + 79, 139), COLOURS[colour], cv2.FILLED)
    boxes = np.array([(left, 60, left + 80, 140) for left, _ in things], np.float32).reshape(-1, 4)
    media_s = index / 10
    frame = Frame("c", index, START + timedelta(seconds=media_s), ClockSource.FILE, media_s, media_s, image)
    return frame, Detections(boxes, np.full(len(things), 0.9, np.float32), np.zeros(len(things), np.int32))


def look(crop: Crop) -> Look:
    """Say what colour is in the middle of a crop."""
    middle = crop.image[crop.image.shape[0] // 2, crop.image.shape[1] // 2].tolist()
    said = [Tag("colour", name, 0.9, TagSource.CLASSIFIER) for name, bgr in COLOURS.items() if list(bgr) == middle]
    return Look(crop.zone, crop.number, tuple(said))


class Half:
    """A tags half whose crops are answered after so many frames, or never."""

    def __init__(self, half: CameraInterpreter, delay: int | None = 0) -> None:
        self.half = half
        self.looks = 0
        self._delay = delay
        self._index = 0
        self._waiting: list[tuple[int, Crop]] = []

    def run(self, frames: int, things: Callable[[int], Things]) -> list[TagEvent]:
        events: list[TagEvent] = []
        for _ in range(frames):
            frame, detections = picture(self._index, things(self._index))
            events += self.half.step(frame, detections, {})
            self._waiting += [(self._index, crop) for crop in self.half.wanted() if isinstance(crop, Crop)]
            if self._delay is not None:
                ready = [crop for asked, crop in self._waiting if self._index - asked >= self._delay]
                self._waiting = [entry for entry in self._waiting if self._index - entry[0] < self._delay]
                self.looks += len(ready)
                events += self.half.hear([look(crop) for crop in ready])
            self._index += 1
        return events


def belt(deadline_ms: int = 1000, **changes: object) -> CameraInterpreter:
    line = Line(name="gate", start=(0.5, 1.0), end=(0.5, 0.0), deadline_ms=deadline_ms)
    camera = Camera.model_validate({"name": "c", "source": SOURCE, "line": (line,), **changes})
    return CameraInterpreter(camera, Codes(), ("carton", "barcode"), classifier=USE)


def shelf(**zone: object) -> CameraInterpreter:
    whole = {"name": "rack", "rectangle": (0.0, 0.0, 1.0, 1.0), "debounce_s": 0.5, "put_back_s": 1.0, **zone}
    camera = Camera.model_validate({"name": "c", "source": SOURCE, "shelf": (whole,)})
    return CameraInterpreter(camera, Codes(), ("carton",), classifier=USE)


def crossing(index: int) -> Things:
    return [(min(20 + 20 * index, 480), "red")]


def colours(event: TagEvent) -> list[tuple[str, TagSource]]:
    return [(tag.value, tag.source) for tag in event.tags if tag.key == "colour"]


def test_a_parcel_is_told_with_what_the_looks_agree_on_and_not_looked_at_again():
    half = Half(belt())
    (event,) = half.run(50, crossing)
    assert colours(event) == [("red", TagSource.CLASSIFIER)]
    assert half.looks == 2


def test_an_event_waits_for_the_classifier_until_its_deadline_and_then_goes_without():
    half = Half(belt(deadline_ms=500), delay=None)
    (event,) = half.run(50, crossing)
    assert (event.kind, colours(event), event.late) == (EventKind.NO_READ, [], False)


def test_an_answer_for_a_parcel_that_is_gone_is_heard_and_changes_nothing():
    half = belt()
    assert half.hear([Look(None, 77, (Tag("colour", "red", 0.9, TagSource.CLASSIFIER),))]) == []


def test_a_shelf_counts_by_product_once_the_looks_agree():
    half = Half(shelf(count_by="colour", expected=["red", "green"]), delay=2)
    events = half.run(30, lambda _: [(50, "red"), (200, "red"), (350, "blue")])
    counts = {event.stock.tag: event.stock.count for event in events if event.kind is EventKind.COUNT and event.stock}
    assert counts == {"red": 2, "green": 0, "blue": 1}
    assert [event.stock.tag for event in events if event.kind is EventKind.MISPLACED and event.stock] == ["blue"]
    assert [event.stock.tag for event in events if event.kind is EventKind.OUT_OF_STOCK and event.stock] == ["green"]
    assert half.looks == 6


def test_a_product_exchanged_for_another_in_its_place_is_noticed():
    half = Half(shelf(count_by="colour"), delay=1)
    half.run(30, lambda _: [(50, "red"), (300, "green")])
    events = half.run(60, lambda _: [(50, "blue"), (300, "green")])
    said = [(event.kind, event.stock.tag, event.stock.count) for event in events if event.stock]
    assert (EventKind.APPEARED, "blue", 1) in said
    assert (EventKind.COUNT, "red", 0) in said
    assert (EventKind.REMOVED, "red", 0) in said
    assert not any(tag == "green" for _, tag, _ in said)


def test_what_stays_unknown_is_counted_by_the_detectors_class_and_is_never_misplaced():
    half = Half(shelf(count_by="colour", expected=["red"]), delay=None)
    events = half.run(130, lambda _: [(50, "red")])
    counts = {event.stock.tag: event.stock.count for event in events if event.kind is EventKind.COUNT and event.stock}
    assert counts == {"carton": 1, "red": 0}
    assert not any(event.kind is EventKind.MISPLACED for event in events)


@pytest.mark.parametrize(
    ("zone", "use", "why"),
    [
        ({"count_by": "colour"}, None, r"counts by colour: name a \[classifier\] that tells it"),
        ({"count_by": "size"}, USE, "counts by size, which the classifier does not tell as one value: it tells colour"),
        ({"count_by": "colour", "expected": ("pink",)}, USE, "expects pink, which is no colour that the classifier"),
    ],
)
def test_a_zone_that_asks_for_what_nobody_tells_is_refused(
    zone: dict[str, object], use: ClassifierUse | None, why: str
):
    rack = Shelf.model_validate({"name": "rack", "rectangle": (0.0, 0.0, 1.0, 1.0), **zone})
    camera = Camera.model_validate({"name": "c", "source": SOURCE, "shelf": (rack,)})
    with pytest.raises(EdgekitError, match=why):
        CameraInterpreter(camera, Codes(), ("carton",), classifier=use)

"""The tags half from arrays: parcels with generated codes cross a line, and exactly one event comes of each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp

from edge.config import Codes
from edge.model.detections import Detections
from edge.model.masks import Masks
from edge.tags.draw import draw
from edge.tags.events import EventKind, Interval, NoReadReason, TagEvent, TagSource
from edge.tags.interpreter import CameraInterpreter
from edge.video.frame import ClockSource, Frame
from edge.video.section import Camera, FileSource
from edge.zones import Line

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CLASSES = ("carton", "barcode", "qr")
LINE = Line(name="gate", start=(0.5, 1.0), end=(0.5, 0.0))
SIZE = 200


def interpreter(*lines: Line) -> CameraInterpreter:
    camera = Camera(name="belt", source=FileSource(kind="file", path=Path("x.mp4")), line=lines or (LINE,))
    return CameraInterpreter(camera, Codes(), CLASSES)


def qr(text: str) -> np.ndarray:
    picture = np.asarray(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=4))
    return picture[:, :, 0] if picture.ndim == 3 else picture


def scene(index: int, lefts: Sequence[float], texts: Sequence[str | None]) -> tuple[Frame, Detections]:
    """Return a frame (400, 1000, 3) with parcels, and what a perfect detector finds in it."""
    image = np.full((400, 1000, 3), 60, np.uint8)
    rows: list[list[float]] = []
    classes: list[int] = []
    for left, text in zip(lefts, texts, strict=True):
        if not -SIZE < left < 1000:
            continue
        x0, x1 = max(0, round(left)), min(1000, round(left) + SIZE)
        cv2.rectangle(image, (x0, 100), (x1, 100 + SIZE), (90, 140, 190), cv2.FILLED)
        rows.append([x0, 100, x1, 100 + SIZE])
        classes.append(0)
        if text is not None and 0 <= left <= 1000 - SIZE:
            code = qr(text)
            side = code.shape[0]
            y, x = 100 + (SIZE - side) // 2, round(left) + (SIZE - side) // 2
            image[y : y + side, x : x + side] = code[:, :, None]
            rows.append([x, y, x + side, y + side])
            classes.append(2)
    media_s = index / 30
    frame = Frame("belt", index, START + timedelta(seconds=media_s), ClockSource.FILE, media_s, media_s, image)
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    return frame, Detections(boxes, np.full(len(rows), 0.9, np.float32), np.array(classes, np.int32))


def run(half: CameraInterpreter, ways: Sequence[Sequence[float]], texts: Sequence[str | None]) -> list[TagEvent]:
    """Move parcels along their ways, one left edge a frame, and return all events."""
    events: list[TagEvent] = []
    for index, lefts in enumerate(zip(*ways, strict=True)):
        events += half.step(*scene(index, lefts, texts), {"infer": 1.0})
    return events + half.finish()


THERE = [float(x) for x in range(0, 790, 15)]
BACK_AND_THERE = [*THERE[:35], *reversed(THERE[20:35]), *THERE[20:]]


def texts_of(event: TagEvent) -> list[str]:
    return [tag.value for tag in event.tags if tag.key == "code"]


def test_a_parcel_with_a_code_is_read_once_as_it_crosses():
    (event,) = run(interpreter(), [THERE], ["BOX-1"])
    assert event.kind is EventKind.READ
    assert texts_of(event) == ["BOX-1"]
    assert (event.zone, event.direction, event.late) == ("gate", "left_to_right", False)
    assert event.tags[1].source is TagSource.BARCODE
    assert event.tags[1].symbology == "QRCode"
    assert [region.label for region in event.regions] == ["carton", "qr"]
    assert {"infer", "track", "read"} <= event.stages_ms.keys()
    assert 500 <= (event.regions[0].xyxy[0] + event.regions[0].xyxy[2]) / 2 <= 540


def test_a_parcel_without_a_code_is_told_as_not_read_by_its_deadline():
    (event,) = run(interpreter(), [THERE], [None])
    assert event.kind is EventKind.NO_READ
    assert event.reason is NoReadReason.NO_LABEL


def test_a_text_that_is_sure_after_the_final_event_is_counted_and_tells_nothing():
    half = interpreter()
    events: list[TagEvent] = []
    for index in range(120):
        left = float(min(600, 15 * index))
        events += half.step(*scene(index, [left], ["BOX-1" if index > 60 else None]), {})
    assert [event.kind for event in events] == [EventKind.NO_READ]
    assert (half.read_late, half.finish()) == (1, [])


def test_a_parcel_that_rolls_back_over_the_line_gives_one_event():
    (event,) = run(interpreter(), [BACK_AND_THERE], ["BOX-1"])
    assert texts_of(event) == ["BOX-1"]


def test_parcels_that_touch_keep_their_own_texts():
    behind = [x - SIZE for x in THERE]
    ways = [
        [*THERE, *[THERE[-1] + 15 * n for n in range(1, 40)]],
        [*behind, *[behind[-1] + 15 * n for n in range(1, 40)]],
    ]
    events = run(interpreter(), ways, ["FIRST", "SECOND"])
    assert [texts_of(event) for event in events] == [["FIRST"], ["SECOND"]]
    assert len({event.track_id for event in events}) == 2


def test_a_parcel_that_waits_for_its_text_is_decided_by_a_tick_when_no_frame_comes():
    half = interpreter()
    past_the_line = next(index for index, left in enumerate(THERE) if left + SIZE / 2 >= 520)
    events = [
        event for index in range(past_the_line + 1) for event in half.step(*scene(index, [THERE[index]], [None]), {})
    ]
    assert events == []
    assert half.tick(past_the_line / 30 + 0.05) == []
    (event,) = half.tick(past_the_line / 30 + 0.11)
    assert event.kind is EventKind.NO_READ
    assert event.frame_index == past_the_line


def test_two_lines_give_two_events():
    second = Line(name="exit", start=(0.7, 1.0), end=(0.7, 0.0))
    events = run(interpreter(LINE, second), [THERE], ["BOX-1"])
    assert [(event.zone, texts_of(event)) for event in events] == [("gate", ["BOX-1"]), ("exit", ["BOX-1"])]


def test_a_gap_decides_what_waits_and_then_says_what_was_not_seen():
    half = interpreter()
    for index in range(38):
        half.step(*scene(index, [THERE[index]], [None]), {})
    gap = Interval(START, START + timedelta(seconds=4), "camera_lost")
    events = half.gap(gap, ClockSource.HOST, 9.0)
    assert [event.kind for event in events][-1] is EventKind.UNOBSERVED
    assert events[-1].interval == gap
    assert events[-1].zone == "gate"
    assert half.finish() == []


def test_frames_that_nobody_had_time_for_are_told_as_not_seen_where_a_parcel_could_have_crossed_meanwhile():
    half = interpreter()
    frame, found = scene(0, [0.0], [None])
    assert half.step(frame, found, {}) == []
    assert half.step(*scene(24, [0.0], [None]), {}) == []  # 0.8 s: a track lives longer
    (event,) = half.step(*scene(81, [0.0], [None]), {})
    assert (event.kind, event.zone) == (EventKind.UNOBSERVED, "gate")
    assert event.interval == Interval(START + timedelta(seconds=0.8), START + timedelta(seconds=2.7), "superseded")
    assert half.step(*scene(82, [0.0], [None]), {}) == []


def test_a_pause_in_the_pictures_themselves_is_no_frame_lost():
    half = interpreter()
    frame, found = scene(0, [0.0], [None])
    half.step(frame, found, {})
    later, found = scene(90, [0.0], [None])
    assert half.step(replace(later, index=1), found, {}) == []


@pytest.mark.parametrize("texts", [["BOX-1"], [None]])
def test_what_is_drawn_is_a_copy_with_every_parcel_on_it(texts: list[str | None]):
    half = interpreter()
    for index in range(20):
        frame, found = scene(index, [THERE[index]], texts)
        half.step(frame, found, {})
        before = frame.image.copy()
        drawn = draw(frame.image, half.view, half.labels, (LINE,))
        assert (frame.image == before).all()
        assert (drawn != before).any()
    assert [parcel.texts for parcel in half.view] == [tuple(text for text in texts if text)]


@pytest.mark.parametrize("asked", [True, False])
def test_a_parcels_outline_goes_into_its_event_where_it_is_asked_for(*, asked: bool):
    camera = Camera(name="belt", source=FileSource(kind="file", path=Path("x.mp4")), line=(LINE,), outlines=asked)
    half = CameraInterpreter(camera, Codes(), CLASSES)
    events: list[TagEvent] = []
    for index, left in enumerate(THERE):
        frame, found = scene(index, [left], [None])
        crop = np.zeros((SIZE, SIZE), np.uint8)
        crop[:, : SIZE // 2] = 1
        masks = Masks(found.xyxy[:, :2].astype(np.int32), (crop,))
        events += half.step(frame, replace(found, masks=masks), {"infer": 1.0})
    (event,) = events + half.finish()
    (region,) = event.regions
    if not asked:
        assert region.outline is None
        return
    assert region.outline is not None
    left, top, *_ = region.xyxy
    assert sorted(region.outline) == [
        (left + 0.5, top + 0.5),
        (left + 0.5, top + SIZE - 0.5),
        (left + SIZE / 2 - 0.5, top + 0.5),
        (left + SIZE / 2 - 0.5, top + SIZE - 0.5),
    ]

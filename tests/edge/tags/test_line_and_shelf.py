"""A camera with a line, with shelves, or with both: each half sees each frame, and gaps are told of every zone."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.config import Codes
from edge.model.detections import Detections
from edge.tags.events import Interval, TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.video.frame import ClockSource, Frame
from edge.video.section import Camera, FileSource
from edge.zones import Line, Shelf

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
LINE = Line(name="gate", start=(0.5, 1.0), end=(0.5, 0.0))
SHELF = Shelf(name="rack", rectangle=(0.0, 0.5, 1.0, 1.0), debounce_s=0.2)
IMAGE = np.full((400, 1000, 3), 60, np.uint8)


def half_of(*zones: Line | Shelf) -> CameraInterpreter:
    camera = Camera(
        name="belt",
        source=FileSource(kind="file", path=Path("x.mp4")),
        line=tuple(zone for zone in zones if isinstance(zone, Line)),
        shelf=tuple(zone for zone in zones if isinstance(zone, Shelf)),
    )
    return CameraInterpreter(camera, Codes(), ("carton", "barcode", "qr"))


def step(half: CameraInterpreter, index: int, left: float) -> list[TagEvent]:
    """Show a carton on the belt in the upper half and one on the shelf in the lower half."""
    boxes = np.array([[left, 20, left + 150, 170], [700, 230, 850, 380]], np.float32)
    frame = Frame("belt", index, START + timedelta(seconds=index / 30), ClockSource.FILE, index / 30, 0.0, IMAGE)
    return half.step(frame, Detections(boxes, np.full(2, 0.9, np.float32), np.zeros(2, np.int32)), {})


def run(half: CameraInterpreter) -> list[TagEvent]:
    events = [event for index in range(60) for event in step(half, index, 13.0 * index)]
    return events + half.finish()


def told(events: list[TagEvent]) -> list[tuple[str | None, str]]:
    return [(event.zone, event.kind.value) for event in events]


def test_a_line_and_a_shelf_of_one_camera_each_tell_their_own():
    half = half_of(LINE, SHELF)
    assert sorted(told(run(half)), key=str) == [("gate", "no_read"), ("rack", "count")]
    assert [view.zone for view in half.shelves] == ["rack"]
    assert half.view


def test_the_line_tells_the_same_with_and_without_a_shelf():
    alone, beside = run(half_of(LINE)), [event for event in run(half_of(LINE, SHELF)) if event.zone == "gate"]
    assert [(event.frame_index, event.track_id, event.regions) for event in alone] == [
        (event.frame_index, event.track_id, event.regions) for event in beside
    ]


def test_a_camera_with_shelves_alone_has_no_parcels():
    half = half_of(SHELF)
    assert told(run(half)) == [("rack", "count")]
    assert half.view == ()
    assert half.labels == ()


def test_a_gap_is_told_of_every_line_and_shelf():
    half = half_of(LINE, SHELF)
    run(half)
    events = half.gap(Interval(START, START + timedelta(seconds=9), "camera_lost"), ClockSource.HOST, 0.0)
    assert told(events) == [("gate", "unobserved"), ("rack", "unobserved")]


def test_frames_that_nobody_had_time_for_are_told_of_lines_alone():
    both, alone = half_of(LINE, SHELF), half_of(SHELF)
    for half in (both, alone):
        run(half)
    assert told(step(both, 200, 0.0)) == [("gate", "unobserved")]
    assert step(alone, 200, 0.0) == []


def test_time_alone_changes_nothing_on_a_shelf():
    half = half_of(SHELF)
    run(half)
    before = half.shelves
    assert half.tick(1e6) == []
    assert half.shelves == before


def test_a_shelf_that_names_an_unknown_class_is_refused():
    with pytest.raises(EdgekitError, match="shelf rack of camera belt names bottle"):
        half_of(SHELF.model_copy(update={"expected": ("bottle",)}))

"""The trigger half from arrays: whatever comes in whichever order, a trigger has exactly one event by its deadline."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import Codes
from edge.model.detections import Detections
from edge.tags.events import EventKind, Interval, NoReadReason, TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.tags.triggers import Trigger
from edge.video.frame import ClockSource, Frame
from edge.video.section import Camera, RtspSource

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CLASSES = ("carton", "barcode", "qr")
DEADLINE_S = 0.5
NOTHING = Detections.empty()


def half() -> CameraInterpreter:
    source = RtspSource(kind="rtsp", url="rtsp://camera/x")
    camera = Camera(name="gate", source=source, policy="trigger", trigger_deadline_ms=DEADLINE_S * 1000)
    return CameraInterpreter(camera, Codes(), CLASSES)


def qr(text: str) -> np.ndarray:
    picture = np.asarray(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=4))
    return picture[:, :, 0] if picture.ndim == 3 else picture


def shot(at_s: float, *texts: str, index: int = 0) -> tuple[Frame, Detections]:
    """Return a picture with codes side by side on one carton, and what a perfect detector finds in it."""
    image = np.full((300, 600, 3), 60, np.uint8)
    image[50:250, 10:590] = (90, 140, 190)
    rows, classes = [[10.0, 50.0, 590.0, 250.0]], [0]
    for place, text in enumerate(texts):
        code = qr(text)
        x, side = 60 + place * 280, code.shape[0]
        image[80 : 80 + side, x : x + side] = code[:, :, None]
        rows.append([x, 80, x + side, 80 + side])
        classes.append(2)
    boxes = np.array(rows, np.float32)
    found = Detections(boxes, np.full(len(rows), 0.9, np.float32), np.array(classes, np.int32))
    return Frame("gate", index, START + timedelta(seconds=at_s), ClockSource.HOST, at_s, at_s, image), found


def trigger(name: str, at_s: float) -> Trigger:
    return Trigger(name, at_s, START + timedelta(seconds=at_s))


def told(events: list[TagEvent]) -> list[tuple[str | None, str, list[str]]]:
    return [(e.trigger_id, e.kind.value, [t.value for t in e.tags if t.key == "code"]) for e in events]


def test_a_trigger_is_answered_as_soon_as_a_text_is_sure():
    gate = half()
    assert gate.trigger(trigger("t1", 10.0)) == []
    assert gate.step(*shot(10.03, "BOX-1"), {"infer": 2.0}) == []
    (event,) = gate.step(*shot(10.06, "BOX-1", index=1), {"infer": 2.0})
    assert told([event]) == [("t1", "read", ["BOX-1"])]
    assert (event.zone, event.track_id, event.late, event.frame_index) == (None, None, False, 1)
    assert event.stages_ms["trigger"] == pytest.approx(60, abs=0.01)
    assert {"infer", "read"} <= event.stages_ms.keys()
    assert {region.label for region in event.regions} == {"carton", "qr"}
    assert ("class", "carton") in [(tag.key, tag.value) for tag in event.tags]
    assert gate.step(*shot(10.09, "BOX-1"), {}) == gate.tick(20.0) == gate.finish() == []


def test_two_codes_in_one_picture_are_a_multi_read():
    gate = half()
    gate.trigger(trigger("t1", 1.0))
    events = [event for at_s in (1.1, 1.2) for event in gate.step(*shot(at_s, "BOX-1", "BOX-2"), {})]
    assert told(events) == [("t1", "multi_read", ["BOX-1", "BOX-2"])]


def test_without_a_text_it_is_answered_by_its_deadline_with_the_reason():
    gate = half()
    gate.trigger(trigger("t1", 1.0))
    gate.step(*shot(1.2), {})
    assert gate.trigger_due_s is not None
    assert gate.trigger_due_s <= 1.5
    assert gate.tick(1.4) == []
    (event,) = gate.tick(gate.trigger_due_s)
    assert (event.kind, event.reason, event.late) == (EventKind.NO_READ, NoReadReason.NO_LABEL, False)
    assert event.trigger_id == "t1"
    assert gate.trigger_due_s is None


def test_without_a_picture_the_reason_is_that_there_was_none_and_a_passed_deadline_is_told():
    gate = half()
    gate.trigger(trigger("t1", 1.0))
    gate.step(*shot(0.99, "BOX-1"), {})  # of before the trigger: of what was there then
    gate.gap(Interval(START, START, "camera_lost"), ClockSource.HOST, 1.2)
    (event,) = gate.tick(1.7)
    assert (event.kind, event.reason, event.late) == (EventKind.NO_READ, NoReadReason.NO_IMAGE, True)
    assert (event.captured_at, event.clock) == (START + timedelta(seconds=1), ClockSource.HOST)
    assert event.frame_size is None


def test_between_triggers_pictures_say_nothing():
    gate = half()
    assert gate.step(*shot(1.0, "BOX-1"), {}) == gate.step(*shot(9.0, "BOX-1", index=99), {}) == gate.finish() == []


def test_a_picture_belongs_to_the_newest_trigger_before_it():
    gate = half()
    gate.trigger(trigger("t1", 1.0))
    gate.step(*shot(1.01, "BOX-1"), {})
    gate.trigger(trigger("t2", 1.1))
    assert told(gate.step(*shot(1.05, "BOX-1"), {})) == [("t1", "read", ["BOX-1"])]  # was on its way by then
    gate.trigger(trigger("t3", 1.2))
    (missed,) = gate.step(*shot(1.21, "BOX-3"), {})
    assert (missed.trigger_id, missed.reason) == ("t2", NoReadReason.NO_IMAGE)
    assert told(gate.step(*shot(1.22, "BOX-3"), {})) == [("t3", "read", ["BOX-3"])]


def test_the_end_of_a_run_answers_what_waits():
    gate = half()
    gate.trigger(trigger("t1", 1.0))
    gate.trigger(trigger("t2", 1.1))
    gate.step(*shot(1.2), {})
    assert [event.reason for event in gate.finish()] == [NoReadReason.NO_LABEL]


STEPS = st.lists(
    st.tuples(st.sampled_from(["trigger", "picture", "tick", "gap"]), st.floats(0.001, 0.4)), min_size=1, max_size=40
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_every_trigger_has_exactly_one_event_and_in_time_where_time_is_told(steps: list[tuple[str, float]]):
    gate = half()
    now_s, index, taken, events = 0.0, 0, {}, []
    for what, passed_s in steps:
        now_s += passed_s
        came: list[TagEvent] = []
        match what:
            case "trigger":
                name = f"t{len(taken)}"
                taken[name] = now_s
                came = gate.trigger(trigger(name, now_s))
            case "picture":
                image = np.full((40, 60, 3), 60, np.uint8)
                moment = START + timedelta(seconds=now_s)
                came = gate.step(Frame("gate", index, moment, ClockSource.HOST, now_s, now_s, image), NOTHING, {})
                index += 1
            case "gap":
                came = gate.gap(Interval(START, START, "camera_lost"), ClockSource.HOST, now_s)
            case _:
                came = gate.tick(now_s)
        answers = [event for event in came if event.trigger_id is not None]
        for event in answers:
            assert event.late == (now_s > taken[event.trigger_id] + DEADLINE_S)
        open_now = set(taken) - {event.trigger_id for event in (*events, *answers)}
        if what in {"tick", "picture"}:
            assert all(now_s < taken[name] + DEADLINE_S for name in open_now)
        assert (gate.trigger_due_s is not None) == bool(open_now)
        events += answers
    events += gate.finish()
    names = [event.trigger_id for event in events if event.trigger_id is not None]
    assert sorted(names) == sorted(taken)

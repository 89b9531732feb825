"""What is off and what is not: limits from a camera's own past, alarms after some windows, a measure that is kept."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.drift.judge import Judge
from edge.drift.section import Drift
from edge.drift.watch import DriftWatch
from edge.model.detections import Detections
from edge.video.frame import ClockSource, Frame

NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def taught(**usual: float) -> Judge:
    judge = Judge({}, 5, 2)
    for minute in range(5):
        wobble = 1 + 0.02 * (minute % 3 - 1)
        judge.take({"brightness": 100 * wobble, **{name: value * wobble for name, value in usual.items()}}, at(minute))
    assert not judge.learning
    return judge


def test_one_window_is_no_alarm_two_in_a_row_are_and_the_first_tells_since_when():
    judge = taught()
    judge.take({"brightness": 40}, at(5))
    judge.take({"brightness": 101}, at(6))
    judge.take({"brightness": 40}, at(7))
    assert judge.off == ()
    judge.take({"brightness": 42}, at(8))
    (off,) = judge.off
    assert (off.figure, off.value, round(off.usual), off.since) == ("brightness", 42, 100, at(7))
    assert "instead of 100 since 2026-11-26 12:07:00 UTC" in str(off)
    judge.take({"brightness": 99}, at(9))
    assert judge.off
    judge.take({"brightness": 99}, at(10))
    assert judge.off == ()


def test_a_class_that_is_not_seen_any_more_and_one_that_is_new_have_moved():
    judge = taught(score=0.9, share_of_bottle=0.9, share_of_can=0.1)
    for minute in (5, 6):
        judge.take({"brightness": 100, "score": 0.9, "share_of_crate": 1.0}, at(minute))
    assert {off.figure: off.value for off in judge.off} == {"share_of_bottle": 0.0, "share_of_crate": 1.0}


def test_figures_of_which_too_little_was_seen_are_not_judged():
    judge = taught(score=0.9)
    for minute in (5, 6, 7):
        judge.take({"brightness": 100, "no_read_rate": 1.0}, at(minute))
    assert judge.off == ()


@pytest.mark.parametrize(
    ("usual", "movement", "told"),
    [
        (3.0, 5.0, ["objects"]),  # things go by, and the model sees none of them
        (3.0, 2.0, ["objects"]),  # plain things, which change less of a picture
        (3.0, 0.5, []),  # the belt rests
        (0.2, 5.0, []),  # a parcel now and then: a few windows without are nothing new
    ],
)
def test_that_nothing_is_found_any_more_is_told_of_what_moves_as_usual_alone(
    usual: float, movement: float, told: list[str]
):
    judge = taught(objects=usual, movement=5.0)
    for minute in (5, 6):
        judge.take({"brightness": 100, "objects": 0.0, "movement": movement}, at(minute))
    assert [off.figure for off in judge.off] == told


def test_more_objects_than_usual_are_a_busy_hour():
    judge = taught(objects=2.0, movement=5.0)
    for minute in (5, 6):
        judge.take({"brightness": 100, "objects": 9.0, "movement": 20.0}, at(minute))
    assert judge.off == ()


def frame(second: float, level: int) -> Frame:
    return Frame("gate", 0, NOON, ClockSource.HOST, second, 0.0, np.full((32, 32, 3), level, np.uint8))


def show(watch: DriftWatch, begin: int, level: int, model: str = "a") -> None:
    for second in range(begin, begin + 60):
        watch.see_frame(frame(float(second), level), Detections.empty(), (), model)


def test_the_measure_outlives_a_restart_and_ends_with_the_model(tmp_path: Path):
    settings = Drift(state=tmp_path / "drift.json", window_s=5, reference_windows=4, alarm_windows=2)
    watch = DriftWatch(settings, ["gate"], "a")
    assert watch.learning == {"gate": True}
    show(watch, 0, 120)
    assert watch.learning == {"gate": False}
    again = DriftWatch(settings, ["gate", "door"], "a")
    assert again.learning == {"gate": False, "door": True}
    show(again, 0, 30)
    assert [off.figure for off in again.off["gate"]] == ["brightness"]
    show(again, 60, 30, model="b")  # a new model: what is now is the measure
    assert again.off["gate"] == ()
    assert DriftWatch(settings, ["gate"], "c").learning == {"gate": True}
    settings.state.write_text("[]")
    with pytest.raises(EdgekitError, match="holds no measure"):
        DriftWatch(settings, ["gate"], "a")


def test_a_measure_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path):
    settings = Drift(state=tmp_path / "nowhere" / "drift.json", window_s=5, reference_windows=4)
    watch = DriftWatch(settings, ["gate"], "a")
    show(watch, 0, 120)
    assert watch.learning == {"gate": False}

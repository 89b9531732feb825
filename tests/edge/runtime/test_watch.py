"""What outsiders see costs a frame next to nothing, and nobody inside ever waits for one of them."""

import threading
from datetime import datetime, timezone
from typing import Any, cast

import numpy as np
import pytest

from edge.model.detections import Detections
from edge.runtime.lane import Inferred
from edge.runtime.restarts import Restarts
from edge.runtime.watch import BOUNDS_MS, CameraWatch, Histogram, RecentTimes, Watch
from edge.tags.events import EventKind, TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.video.frame import ClockSource, Frame

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Half:
    """A tags half that counts how often it is looked into."""

    def __init__(self) -> None:
        self.looked_into = 0

    @property
    def view(self) -> tuple[()]:
        self.looked_into += 1
        return ()

    labels = ()
    shelves = ()


def inferred(index: int, arrived_s: float = 0.0) -> Inferred:
    frame = Frame("c", index, START, ClockSource.FILE, index / 30, arrived_s, np.zeros((2, 2, 3), np.uint8))
    return Inferred(frame, Detections.empty(), {"infer": 4.0, "wait": 1.0})


def event(index: int) -> TagEvent:
    return TagEvent("c", EventKind.READ, START, ClockSource.FILE, 0.0, index)


def test_a_scene_is_made_only_for_who_asks_and_is_the_next_frame_of_all_who_wait():
    watch, half = CameraWatch(), Half()
    tags = cast(CameraInterpreter, half)
    watch.observe(inferred(0), tags)
    assert half.looked_into == 0
    seen: list[Any] = []
    lookers = [threading.Thread(target=lambda: seen.append(watch.look(10.0))) for _ in range(3)]
    for looker in lookers:
        looker.start()
    index = 1
    while any(looker.is_alive() for looker in lookers):
        watch.observe(inferred(index), tags)
        index += 1
    assert all(scene.frame.index >= 1 for scene in seen)
    made = half.looked_into
    assert 1 <= made <= 3
    watch.observe(inferred(index), tags)
    assert half.looked_into == made


def test_who_asks_where_no_frame_comes_gets_none_in_time():
    assert CameraWatch().look(0.05) is None


def test_stages_and_their_total_are_counted_by_frame():
    watch = CameraWatch(clock=lambda: 10.0)
    for _ in range(4):
        watch.observe(inferred(0, arrived_s=9.98), cast(CameraInterpreter, Half()))
    assert set(watch.stages) == {"infer", "wait", "tags", "total"}
    assert sum(watch.stages["total"].counts) == 4
    assert watch.stages["total"].sum_ms == pytest.approx(80)
    assert watch.stages["tags"].sum_ms == pytest.approx(60)
    assert watch.recent(5.0) == [(10.0, pytest.approx(20.0))] * 4


def test_of_more_frames_than_are_kept_the_last_ones_are_told_in_order():
    recent = RecentTimes(4)
    for at_s in range(10):
        recent.add(float(at_s), at_s / 10)
    assert recent.since(0.0) == [(6.0, 0.6), (7.0, 0.7), (8.0, 0.8), (9.0, 0.9)]
    assert recent.since(8.0) == [(8.0, 0.8), (9.0, 0.9)]


def test_before_a_frame_there_are_no_times():
    assert RecentTimes(4).since(0.0) == []


def test_a_time_on_a_bound_belongs_below_it_as_prometheus_wants_it():
    histogram = Histogram()
    for ms in (*BOUNDS_MS, 99_999.0):
        histogram.add(ms)
    assert histogram.counts == [1] * (len(BOUNDS_MS) + 1)


def test_a_reader_that_falls_behind_is_cut_off_and_the_teller_never_waits():
    watch = Watch(["c"])
    slow, before = watch.listen()
    assert before == []
    watch.tell([event(index) for index in range(1000)], range(1, 1001))
    assert slow.behind
    first = slow.next(0)
    assert first is not None
    assert first.seq == 1
    _, recent = watch.listen()
    assert [told.seq for told in recent] == list(range(901, 1001))
    assert watch.counts() == {("c", "read"): 1000}
    watch.leave(slow)


def test_a_restart_begins_one_more_run_and_an_end_none():
    restarts = Restarts()
    restarts.restart()
    assert restarts.stop.is_set()
    assert restarts.go_on()
    assert not restarts.stop.is_set()
    restarts.restart()
    restarts.end()  # a signal while the run winds up
    assert not restarts.go_on()
    assert restarts.stop.is_set()

"""A lane gives the tags half its frames in order, each once, whatever order the workers bring them in."""

import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.model.detections import Detections
from edge.runtime.lane import Inferred, Lane, Still
from edge.tags.events import EventKind, TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.video.frame import ClockSource, Frame

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def event(index: int) -> TagEvent:
    return TagEvent(
        camera="c", kind=EventKind.READ, captured_at=START, clock=ClockSource.FILE, arrived_s=0.0, frame_index=index
    )


def inferred(index: int) -> Inferred:
    frame = Frame("c", index, START, ClockSource.FILE, index / 30, 0.0, np.zeros((2, 2, 3), np.uint8))
    return Inferred(frame, Detections.empty(), {})


class EveryFrameAnEvent:
    """A tags half that answers each frame with an event, and notices when two threads are inside it."""

    trigger_due_s = None
    read_late = 0

    def __init__(self) -> None:
        self.inside = 0
        self.most_inside = 0
        self.detections: list[Detections] = []

    def step(
        self, frame: Frame, detections: Detections, stages_ms: Mapping[str, float], *, still: bool
    ) -> list[TagEvent]:
        del stages_ms, still
        self.detections.append(detections)
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.inside -= 1
        return [event(frame.index)]


def lane_into(seen: list[int]) -> tuple[Lane, EveryFrameAnEvent]:
    half = EveryFrameAnEvent()

    def commit(events: Any) -> None:
        seen.extend(each.frame_index for each in events)

    return Lane(cast(CameraInterpreter, half), commit), half


@given(st.permutations(range(12)))
def test_results_in_any_order_are_stepped_in_frame_order(order: list[int]):
    seen: list[int] = []
    lane, _ = lane_into(seen)
    tickets = [lane.take_ticket() for _ in order]
    for index in order:
        lane.deliver(tickets[index], inferred(index))
    assert seen == list(range(12))
    assert lane.in_flight == 0


def test_many_workers_never_meet_in_the_tags_half():
    seen: list[int] = []
    lane, half = lane_into(seen)
    taking = threading.Lock()
    count = iter(range(600))

    def work() -> None:
        while True:
            with taking:
                index = next(count, None)
                if index is None:
                    return
                ticket = lane.take_ticket()
            lane.deliver(ticket, inferred(index))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    assert seen == list(range(600))
    assert half.most_inside == 1


def test_a_result_that_arrives_during_a_call_is_run_after_it():
    seen: list[int] = []
    lane, _ = lane_into(seen)
    ticket = lane.take_ticket()

    def action(_: CameraInterpreter) -> list[TagEvent]:
        delivering = threading.Thread(target=lane.deliver, args=(ticket, inferred(7)))
        delivering.start()
        delivering.join(5)
        return [event(1)]

    lane.call(action)
    assert seen == [1, 7]


def test_a_still_frame_shows_what_the_one_before_it_did_whenever_the_workers_bring_them():
    lane, half = lane_into([])
    first, still, last = (lane.take_ticket() for _ in range(3))
    lane.deliver(still, Still(inferred(1).frame, {}))
    found, nothing = inferred(0), inferred(2)
    lane.deliver(last, nothing)
    lane.deliver(first, found)
    assert [id(seen) for seen in half.detections] == [
        id(found.detections),
        id(found.detections),
        id(nothing.detections),
    ]
    assert (lane.frames, lane.still) == (3, 1)


def test_what_failed_in_a_thread_that_goes_on_all_the_same_fails_for_whoever_comes_next():
    seen: list[int] = []
    lane, half = lane_into(seen)
    tickets = [lane.take_ticket(), lane.take_ticket()]

    def broken(_half: CameraInterpreter) -> list[TagEvent]:
        lane.deliver(tickets[0], inferred(0))  # of a worker, who finds the lane busy and leaves
        half.step = _fails
        return []

    with pytest.raises(RuntimeError, match="a fault of the tags half"):
        lane.call(broken)  # in a capture's thread, which takes any fault for the camera's
    assert lane.in_flight == 2  # no frame can pass any more
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a fault of the tags half"):
            lane.call(lambda _half: [])
    assert seen == []


def _fails(*_given: Any, **_named: Any) -> list[TagEvent]:
    raise RuntimeError("a fault of the tags half")

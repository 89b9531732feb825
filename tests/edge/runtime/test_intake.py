"""Each frame wakes one worker, and as many get to work as there are frames that may go."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from edge.runtime.intake import Inlet, Intake, Task
from edge.runtime.lane import Lane
from edge.runtime.model_in_use import ModelInUse
from edge.video.frame import ClockSource, Frame
from edge.video.newest import FrameQueue

WORKERS = 3
LONG_S = 60.0  # a worker that is not woken waits for so long, and the test fails


def frame(index: int) -> Frame:
    now = datetime.now(timezone.utc)
    return Frame("gate", index, now, ClockSource.HOST, index / 10, 0.0, np.zeros((8, 8, 3), np.uint8))


class Workers:
    """Workers that each wait for one frame of one camera.

    Args:
        awaits: Whether crops of the camera are being looked at.
    """

    def __init__(self, *, awaits: bool) -> None:
        tickets = iter(range(100))
        self.lane = SimpleNamespace(in_flight=0, awaits=awaits, take_ticket=lambda: next(tickets))
        models = cast("ModelInUse", SimpleNamespace(current=SimpleNamespace(digest="d")))
        self.place = FrameQueue(room=10, announce=self._announce)
        self.intake = Intake([Inlet(self.place, cast("Lane", self.lane), patient=True)], 10, models)

    def _announce(self) -> None:
        self.intake.wake()

    def start(self, pool: ThreadPoolExecutor) -> list["Future[Task | None]"]:
        return [pool.submit(self.intake.take, LONG_S) for _ in range(WORKERS)]


def indices(tasks: list["Future[Task | None]"]) -> list[int]:
    return sorted(task.frame.index for each in tasks if (task := each.result(30)) is not None)


def test_frames_that_come_together_find_as_many_workers():
    workers = Workers(awaits=False)
    with ThreadPoolExecutor(WORKERS) as pool:
        tasks = workers.start(pool)
        for index in range(WORKERS):
            workers.place.put(frame(index))
        assert indices(tasks) == list(range(WORKERS))


def test_frames_that_had_to_wait_for_a_look_all_go_once_it_was_heard(eventually: Callable[..., Any]):
    workers = Workers(awaits=True)
    with ThreadPoolExecutor(WORKERS) as pool:
        tasks = workers.start(pool)
        for index in range(WORKERS):
            workers.place.put(frame(index))
        assert not any(task.done() for task in tasks)
        workers.lane.awaits = False
        workers.intake.wake()  # once, as an answer does
        assert indices(tasks) == list(range(WORKERS))
    eventually(lambda: not workers.intake.waiting)

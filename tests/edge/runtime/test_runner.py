"""A fault that the supervisor meets ends the run as one that a worker meets does."""

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from devices.errors import EdgekitError
from edge.runtime.intake import Intake
from edge.runtime.lane import Lane
from edge.runtime.model_in_use import ModelInUse
from edge.runtime.runner import Runner, RunningCamera, StatusSender
from edge.tags.interpreter import CameraInterpreter
from edge.video.feed import CameraFeed
from edge.video.feed_status import FeedStatus


class Half:
    """A tags half with a fault that its first tick finds."""

    trigger_due_s = None

    def tick(self, _media_s: float) -> Any:
        raise RuntimeError("a fault of the tags half")


def test_a_fault_in_a_tick_is_one_clear_error_of_the_run():
    feed = SimpleNamespace(
        camera=SimpleNamespace(name="gate"),
        live=True,
        error=None,
        finished=False,
        health=FeedStatus().health(superseded=0, damaged=0),
        start=lambda: None,
        stop=_ended,
    )
    models = cast(
        "ModelInUse",
        SimpleNamespace(current=SimpleNamespace(detector=SimpleNamespace(info=SimpleNamespace(requests=1)))),
    )
    lane = Lane(cast("CameraInterpreter", Half()), lambda _events: None)
    camera = RunningCamera(cast("CameraFeed", feed), lane)
    statuses = StatusSender("hall", "box-1", "0198c0de-0000-7000-8000-000000000000", lambda _status: None)
    runner = Runner(models, [camera], Intake([], 2, models), statuses, lambda: None)
    with pytest.raises(EdgekitError, match="a stage of the runtime failed: a fault of the tags half"):
        runner.run(threading.Event())


def _ended(_timeout_s: float) -> bool:
    return True

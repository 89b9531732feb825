"""Threads that look at crops beat like all other stages, so that one that hangs is restarted; failures are counted."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from edge.runtime.look_stage import Listener, LookStage
from edge.runtime.pulse import LONGEST_SILENCE_S, Pulse
from edge.tags.crops import Crop

CROP = Crop(None, 1, np.zeros((16, 16, 3), np.uint8))


def test_a_classifier_that_hangs_falls_silent(eventually: Callable[..., None]) -> None:
    heard, released, began = threading.Event(), threading.Event(), threading.Event()

    def see(_crop: object) -> Any:
        began.set()
        released.wait(30)
        raise RuntimeError("let go")

    now_s = 100.0
    pulse = Pulse(lambda: now_s)
    answers: list[object] = []

    def beat(name: str) -> None:
        pulse.beat(name)
        heard.set()

    stage: LookStage[Crop] = LookStage("classifier", 1, see)
    stage.start(Listener(lambda: None, answers.append, beat))
    try:
        assert heard.wait(10)
        now_s += LONGEST_SILENCE_S + 1
        eventually(lambda: not pulse.silent())  # one that has nothing to do goes on
        stage.ask(CROP, answers.append)
        assert began.wait(10)
        now_s += LONGEST_SILENCE_S + 1
        assert "classifier-0" in pulse.silent()
        released.set()
        eventually(lambda: not pulse.silent())
    finally:
        released.set()
        stage.stop(10.0)
    assert len(answers) == 1
    assert (stage.looks, stage.failed) == (0, 1)

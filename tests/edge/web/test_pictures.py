"""Pictures are made at a pace that holds for all who look, and forgets those who have left."""

from types import SimpleNamespace
from typing import cast

import pytest

from edge.runtime.view import BoxView
from edge.web import pictures
from edge.web.pictures import MOST_A_SECOND, Pictures


class Time:
    """A clock that is set, and what was waited for by it."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.waits_s: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    set_by_hand = Time()
    monkeypatch.setattr(pictures, "time", set_by_hand)
    return set_by_hand


def box() -> Pictures:
    config = SimpleNamespace(cameras=[SimpleNamespace(name="gate")])
    return Pictures(cast("BoxView", SimpleNamespace(config=config, scene=_no_scene)))


def _no_scene(_camera: str, _timeout_s: float) -> None:
    return None


def test_who_looks_one_after_the_other_gets_no_more_than_ten_a_second(clock: Time):
    shown = box()
    for _ in range(3):
        shown.scene("gate")
    assert clock.waits_s == pytest.approx([1 / MOST_A_SECOND, 2 / MOST_A_SECOND])


def test_a_crowd_that_has_left_slows_down_nobody(clock: Time):
    shown = box()
    for _ in range(500):
        shown.scene("gate")
    assert max(clock.waits_s) <= 1.0
    clock.now_s += 1.0
    clock.waits_s.clear()
    for _ in range(3):
        shown.scene("gate")
        clock.now_s += 1 / MOST_A_SECOND
    assert sum(clock.waits_s) <= 0.5

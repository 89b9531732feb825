"""What a smaller model may lose is read from words and held against what it lost; layers go back until that holds."""

from collections.abc import Sequence

import numpy as np
import pytest

from compress.budget import Budget
from compress.fallback import fall_back
from compress.gates import Gate, Verdict, judge
from compress.sensitivity import movement
from devices.errors import EdgekitError
from edge.evaluate.measure import SetResult
from edge.evaluate.picture_result import PictureResult
from edge.model.detections import Detections

NEAR, FAR = (0, 0, 10, 10), (50, 50, 70, 70)


def found(*rows: tuple[tuple[int, int, int, int], float, int]) -> Detections:
    return Detections(
        np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in rows], np.float32),
        np.array([class_id for _, _, class_id in rows], np.int32),
    )


def results(*pictures: Detections) -> list[SetResult]:
    """Return results on pictures that each show class 0 near and class 1 far."""
    truth = np.array([NEAR, FAR], np.float32), np.array([0, 1], np.int32)
    made = tuple(PictureResult(*truth, one) for one in pictures)
    return [SetResult("made", (0, 1), tuple(map(str, range(len(made)))), made)]


def test_a_budget_is_read_from_words():
    assert Budget.read("mAP -1.0") == Budget(map_points=1.0)
    assert Budget.read("map -0.8, recall -2, threshold 0.1") == Budget(
        map_points=0.8, recall_points=2, threshold_drift=0.1
    )


@pytest.mark.parametrize("text", ["", "mAP", "recall -1", "mAP -1, mAP -2", "speed 3", "mAP -1.0 recall -2", "mAP +1"])
def test_words_that_say_something_else_are_refused(text: str):
    with pytest.raises(EdgekitError, match="a budget says what may be lost"):
        Budget.read(text)


def test_a_budget_of_more_than_everything_is_refused():
    with pytest.raises(EdgekitError, match="map_points"):
        Budget.read("mAP -101")


def test_a_model_keeps_any_budget_against_itself():
    own = results(*[found((NEAR, 0.9, 0), (FAR, 0.8, 1))] * 4)
    verdict = judge(own, own, ("a", "b"), Budget(map_points=0, recall_points=0, threshold_drift=0), draws=10)
    assert verdict.kept
    assert [gate.name for gate in verdict.gates] == ["mAP50-95", "recall of a", "recall of b", "best threshold"]


def test_a_class_that_vanishes_breaks_its_own_gate_and_is_named():
    before = results(*[found((NEAR, 0.9, 0), (FAR, 0.8, 1))] * 4)
    after = results(*[found((NEAR, 0.9, 0))] * 4)
    verdict = judge(before, after, ("a", "b"), Budget(map_points=60), draws=10)
    assert not verdict.kept
    assert [gate.name for gate in verdict.gates if not gate.kept] == ["recall of b"]
    assert "recall of b -100.00, allowed 3: BROKEN" in verdict.told()


def test_scores_that_sink_together_break_the_thresholds_gate_alone():
    before = results(*[found((NEAR, 0.9, 0), (FAR, 0.8, 1), ((80, 80, 90, 90), 0.5, 1))] * 4)
    after = results(*[found((NEAR, 0.45, 0), (FAR, 0.4, 1), ((80, 80, 90, 90), 0.25, 1))] * 4)
    verdict = judge(before, after, ("a", "b"), Budget(map_points=0, recall_points=100), draws=10)
    assert verdict.map_change == 0
    assert [gate.name for gate in verdict.gates if not gate.kept] == ["best threshold"]


def verdict_of(change: float) -> Verdict:
    return Verdict(gates=(Gate(name="mAP50-95", change=change, limit=1.0, kept=change >= -1.0),))


def test_layers_go_back_to_float_until_the_budget_holds_and_no_further():
    written: list[Sequence[str]] = []

    def write(layers: Sequence[str]) -> Verdict:
        written.append(layers)
        return verdict_of(-3 + 0.4 * len(layers))

    order = [f"layer {number}" for number in range(60)]
    tried = fall_back(60, lambda: order, write)
    assert [len(attempt.float_layers) for attempt in tried] == [0, 3, 6]
    assert tried[-1].verdict.kept
    assert list(written[-1]) == order[:6]


def test_no_order_is_asked_for_where_nothing_has_to_go_back():
    def fail() -> list[str]:
        raise AssertionError("asked")

    assert len(fall_back(60, fail, lambda _layers: verdict_of(0))) == 1


def test_a_file_that_is_half_in_float_is_not_worth_trying():
    tried = fall_back(10, lambda: [str(number) for number in range(10)], lambda _layers: verdict_of(-9))
    assert [len(attempt.float_layers) for attempt in tried] == [0, 3]
    assert not tried[-1].verdict.kept


def test_movement_is_overlap_lost_and_change_of_score_and_gone_counts_most():
    one = found((NEAR, 0.8, 0))
    assert movement([one], [one]) == 0
    assert movement([one], [found((NEAR, 0.6, 0))]) == pytest.approx(0.2, abs=1e-6)
    assert movement([one], [found(((0, 0, 10, 5), 0.8, 0))]) == pytest.approx(0.5, abs=1e-6)
    assert movement([one], [found((NEAR, 0.8, 1))]) == movement([one], [found()]) == 2
    assert movement([found()], [one]) == 0

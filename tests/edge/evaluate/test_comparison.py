"""Two models over the same sets: every class counts alike, and a model's own luck falls out of the difference."""

import numpy as np
import pytest

pytest.importorskip("faster_coco_eval", reason="the extra [eval] is not installed")

from edge.evaluate.comparison import difference, mean_ap
from edge.evaluate.measure import SetResult
from edge.evaluate.operating_point import best_threshold, recall_by_class
from edge.evaluate.picture_result import PictureResult
from edge.model.detections import Detections

NEAR, FAR = (0, 0, 10, 10), (50, 50, 70, 70)
Row = tuple[tuple[int, int, int, int], float]


def results(name: str, class_id: int, pictures: list[list[Row]]) -> SetResult:
    """Return results on pictures that each show both boxes, as one class."""
    made: list[PictureResult] = []
    for rows in pictures:
        boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
        score = np.array([score for _, score in rows], np.float32)
        found = Detections(boxes, score, np.full(len(rows), class_id, np.int32))
        made.append(PictureResult(np.array([NEAR, FAR], np.float32), np.full(2, class_id, np.int32), found))
    return SetResult(name, (class_id,), tuple(map(str, range(len(made)))), tuple(made))


BOTH: list[Row] = [(NEAR, 0.9), (FAR, 0.8)]
ONE: list[Row] = [(NEAR, 0.9)]


def test_the_difference_of_a_model_to_itself_is_nothing_and_of_a_worse_one_is_told_with_an_interval():
    good, worse = results("a", 0, [BOTH] * 12), results("a", 0, [ONE, BOTH] * 6)
    same = difference([good], [good], draws=20, seed=0)
    assert (same.points, same.low, same.high) == (0, 0, 0)
    lost = difference([good], [worse], draws=40, seed=0)
    assert lost.low <= lost.points <= lost.high
    assert lost.high < 0


def test_each_class_counts_alike_whatever_the_sizes_of_the_sets():
    good = [results("a", 0, [BOTH] * 30), results("b", 2, [BOTH] * 2)]
    worse = [good[0], results("b", 2, [[], []])]
    assert mean_ap(good) == pytest.approx(1.0)
    lost = difference(good, worse, draws=10, seed=0)
    assert (lost.points, lost.low, lost.high) == pytest.approx((-50, -50, -50))


def test_a_class_of_two_sets_is_scored_over_both():
    good = [results("a", 0, [BOTH] * 3), results("b", 0, [BOTH] * 3)]
    lost = difference(good, [good[0], results("b", 0, [[], BOTH, []])], draws=50, seed=1)
    assert lost.points == pytest.approx(100 * (np.mean(np.linspace(0, 1, 101) <= 2 / 3) - 1))
    assert lost.low < lost.points < lost.high


def test_scores_that_sink_move_the_best_threshold_and_lose_what_the_box_finds_but_no_map():
    before = results("a", 0, [[*BOTH, ((80, 80, 90, 90), 0.4)] for _ in range(4)])
    after = results("a", 0, [[(box, score / 2) for box, score in [*BOTH, ((80, 80, 90, 90), 0.4)]] for _ in range(4)])
    assert difference([before], [after], draws=10, seed=0).points == 0
    threshold = best_threshold([before])
    assert 0.4 < threshold <= 0.8
    assert best_threshold([after]) < threshold - 0.1
    assert recall_by_class([before], threshold) == {0: 1.0}
    assert recall_by_class([after], threshold)[0] < 1


def test_a_class_that_stands_nowhere_says_nothing_and_nothing_found_is_no_recall():
    nothing = results("a", 1, [[], []])
    assert recall_by_class([nothing], 0.1) == {1: 0.0}
    assert 0 < best_threshold([nothing]) < 1

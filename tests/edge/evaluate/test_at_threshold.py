"""What a box would tell at its threshold is counted: right, missed, made up, and taken for another class."""

import numpy as np
import pytest

pytest.importorskip("faster_coco_eval", reason="the extra [eval] is not installed")

from edge.evaluate.at_threshold import Told, confusion, told_of
from edge.evaluate.measure import SetResult
from edge.evaluate.picture_result import PictureResult
from edge.model.detections import Detections

PLACES = np.array([[x, 10, x + 30, 50] for x in (0, 40, 80, 120)], np.float32)


def result(labelled: tuple[int, ...], truth: dict[int, int], found: dict[int, tuple[int, float]]) -> SetResult:
    """Return a set of one picture: classes by place as labelled, classes and scores by place as found."""
    detections = Detections(
        PLACES[list(found)],
        np.array([score for _, score in found.values()], np.float32),
        np.array([class_id for class_id, _ in found.values()], np.int32),
    )
    picture = PictureResult(PLACES[list(truth)], np.array(list(truth.values()), np.int32), detections)
    return SetResult("set", labelled, ("a.png",), (picture,))


def test_hits_mix_ups_misses_and_what_was_made_up_are_counted_at_the_threshold():
    one = result((0, 1), {0: 0, 1: 0, 2: 1}, {0: (0, 0.9), 1: (1, 0.8), 2: (1, 0.3), 3: (0, 0.7)})
    assert confusion([one], 2, 0.5).tolist() == [[1, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert confusion([one], 2, 0.2).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_classes_that_a_set_does_not_label_are_left_out():
    one = result((0,), {0: 0, 2: 1}, {0: (0, 0.9), 2: (1, 0.9), 3: (1, 0.9)})
    assert confusion([one, one], 2, 0.5).tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_precision_recall_and_f1_are_those_of_the_counts_or_none():
    counts = np.array([[6, 1, 1], [2, 0, 0], [2, 0, 0]])
    assert told_of(counts, 0) == Told(0.6, 0.75, 12 / 18)
    assert told_of(counts, 1) == Told(0.0, 0.0, 0.0)
    assert told_of(np.zeros((2, 2), np.int64), 0) == Told(None, None, None)

"""Average precision on cases that can be worked out by hand, and a difference that knows its own uncertainty."""

from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("faster_coco_eval", reason="the extra [eval] is not installed")

from edge.evaluate.average_precision import average_precision, average_precision_by_size
from edge.evaluate.picture_result import PictureResult
from edge.model.detections import Detections

BOX = (10, 10, 50, 50)
FAR = (200, 200, 260, 260)
Box = tuple[float, float, float, float]


def picture(truth: Sequence[Box], found: Sequence[tuple[Box, float]], class_id: int = 0) -> PictureResult:
    return PictureResult(
        np.array(truth, np.float32).reshape(-1, 4),
        np.full(len(truth), class_id, np.int32),
        Detections(
            np.array([box for box, _ in found], np.float32).reshape(-1, 4),
            np.array([score for _, score in found], np.float32),
            np.full(len(found), class_id, np.int32),
        ),
    )


def test_all_found_exactly_is_one():
    score = average_precision([picture([BOX], [(BOX, 0.9)]), picture([FAR], [(FAR, 0.8)])], [0])[0]
    assert (score.map50, score.map50_95) == pytest.approx((1.0, 1.0))


def test_each_size_of_object_has_a_score_of_its_own_where_there_are_any():
    small, large = (10, 10, 30, 30), (100, 100, 300, 300)
    pictures = [picture([small, BOX], [(BOX, 0.9)]), picture([large, BOX], [(large, 0.8), (BOX, 0.7)])]
    found = average_precision_by_size(pictures, 0)
    assert {name: (one.objects, round(one.map50_95, 6)) for name, one in found.items()} == {
        "small": (1, 0.0),
        "medium": (2, 1.0),
        "large": (1, 1.0),
    }
    assert average_precision_by_size([picture([BOX], [])], 0)["medium"].map50_95 == 0
    assert set(average_precision_by_size([picture([BOX], [(BOX, 0.9)])], 0)) == {"medium"}


def test_nothing_found_is_zero():
    score = average_precision([picture([BOX], [])], [0])[0]
    assert (score.map50, score.map50_95) == (0.0, 0.0)


def test_half_found_is_half():
    score = average_precision([picture([BOX, FAR], [(BOX, 0.9)])], [0])[0]
    assert score.map50 == pytest.approx(0.5, abs=0.01)


def test_a_better_scored_false_one_costs_precision():
    score = average_precision([picture([BOX], [(FAR, 0.9), (BOX, 0.5)])], [0])[0]
    assert score.map50 == pytest.approx(0.5)


def test_a_loose_box_counts_at_low_overlap_alone():
    loose = (10, 10, 50, 74)  # IoU 0.625
    score = average_precision([picture([BOX], [(loose, 0.9)])], [0])[0]
    assert score.map50 == pytest.approx(1.0)
    assert score.map50_95 == pytest.approx(0.3)


def test_a_class_that_stands_in_no_picture_has_no_score():
    assert 1 not in average_precision([picture([BOX], [(BOX, 0.9)])], [0, 1])

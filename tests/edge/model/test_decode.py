"""Heads are decoded into the same detections whichever way they say them, and NMS is done once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge.model.decode import Decoder
from edge.model.geometry import Letterbox

SQUARE = Letterbox.fit(100, 100, 100, 100)


def grid(rows: list[tuple[float, ...]]) -> tuple[np.ndarray]:
    return (np.array(rows, np.float32).T[None],)


def test_a_grid_is_decoded_best_first_and_overlaps_of_a_class_fall_away():
    raw = grid(
        [(50, 50, 20, 20, 0.6, 0.1), (51, 50, 20, 20, 0.9, 0.1), (20, 20, 10, 10, 0.0, 0.8), (51, 50, 20, 20, 0, 0.7)]
    )
    found = Decoder("yolo-grid", 2, 0.5, 0.5).decode(raw, SQUARE)
    assert found.score.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert found.class_id.tolist() == [0, 1, 1]
    assert found.xyxy[0].tolist() == [41, 40, 61, 60]


def test_a_candidate_of_two_classes_is_told_as_both():
    found = Decoder("yolo-grid", 2, 0.3, 0.5).decode(grid([(50, 50, 20, 20, 0.6, 0.4)]), SQUARE)
    assert found.class_id.tolist() == [0, 1]
    assert found.score.tolist() == pytest.approx([0.6, 0.4])
    assert found.xyxy[0].tolist() == found.xyxy[1].tolist()


def test_a_topk_head_is_taken_as_it_is():
    raw = np.array([[[0, 0, 10, 10, 0.4, 0], [10, 20, 30, 40, 0.9, 1], [0, 0, 0, 0, 0, 0]]], np.float32)
    found = Decoder("yolo-topk", 2, 0.3, 0.5).decode((raw,), SQUARE)
    assert found.xyxy.tolist() == [[10, 20, 30, 40], [0, 0, 10, 10]]
    assert found.class_id.tolist() == [1, 0]


def test_what_lies_in_the_padding_alone_is_nothing():
    wide = Letterbox.fit(200, 100, 100, 100)
    found = Decoder("yolo-grid", 1, 0.5, 0.5).decode(grid([(50, 10, 20, 10, 0.9)]), wide)
    assert len(found) == 0


@given(arrays.arrays(np.float32, (1, 6, 40), elements=st.floats(0, 1, width=32)))
def test_nms_of_what_nms_left_changes_nothing(raw: np.ndarray):
    # Inside the frame: what is clipped at its edge overlaps more than it did before.
    raw[:, :2], raw[:, 2:4] = raw[:, :2] * 40 + 30, raw[:, 2:4] * 20 + 10
    decoder = Decoder("yolo-grid", 2, 0.3, 0.5)
    once = decoder.decode((raw,), SQUARE)
    centres = (once.xyxy[:, :2] + once.xyxy[:, 2:]) / 2
    sizes = once.xyxy[:, 2:] - once.xyxy[:, :2]
    scores = np.zeros((len(once), 2), np.float32)
    scores[np.arange(len(once)), once.class_id] = once.score
    again = decoder.decode((np.concatenate([centres, sizes, scores], axis=1).T[None].astype(np.float32),), SQUARE)
    assert len(again) == len(once)


def test_output_shapes_of_other_heads_do_not_fit():
    assert Decoder("yolo-grid", 3, 0.5, 0.5).outputs_fit(((1, 7, 2058),))
    assert not Decoder("yolo-grid", 3, 0.5, 0.5).outputs_fit(((1, 84, 8400),))
    assert not Decoder("yolo-topk", 3, 0.5, 0.5).outputs_fit(((1, 7, 2058),))

"""Letterbox: what goes into the input comes back to where it was."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.model.geometry import PADDING, Bgr, Letterbox

sizes = st.integers(16, 4000)
boxes = st.lists(st.floats(0, 1), min_size=4, max_size=4)
inputs = st.integers(1, 40).map(lambda count: 32 * count)


@given(sizes, sizes, inputs, inputs, boxes)
def test_boxes_survive_the_way_into_the_input_and_back(
    width: int, height: int, columns: int, rows: int, box: list[float]
):
    letterbox = Letterbox.fit(width, height, columns, rows)
    xs, ys = sorted((box[0] * width, box[2] * width)), sorted((box[1] * height, box[3] * height))
    before = np.array([[xs[0], ys[0], xs[1], ys[1]]], np.float32)
    back = letterbox.to_frame(letterbox.to_input(before))
    np.testing.assert_allclose(back, before, atol=max(width, height) * 1e-4)


@given(sizes, sizes, inputs, inputs)
def test_the_picture_lies_inside_the_input_in_the_middle(width: int, height: int, columns: int, rows: int):
    letterbox = Letterbox.fit(width, height, columns, rows)
    assert 0 <= letterbox.left <= letterbox.left + letterbox.width <= columns
    assert 0 <= letterbox.top <= letterbox.top + letterbox.height <= rows
    assert abs((columns - letterbox.width) - 2 * letterbox.left) <= 1
    assert letterbox.width == columns or letterbox.height == rows


def test_what_is_not_picture_is_grey():
    out = np.zeros((64, 64, 3), np.uint8)
    Letterbox.fit(200, 100, 64, 64).draw(Bgr(np.full((100, 200, 3), 255, np.uint8)), out)
    assert (out[:16] == PADDING).all()
    assert (out[16:48] == 255).all()
    assert (out[48:] == PADDING).all()

"""Masks lie on the frame's pixels whatever its shape, follow their detections, and have outlines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.model.decode import Decoder
from edge.model.detections import Detections
from edge.model.geometry import Letterbox
from edge.model.masks import Masks, masks_from_prototypes

WIDE = Letterbox.fit(200, 100, 64, 64)  # 64x32 in the middle, 16 grey rows above


def left_half(rows: int = 16, columns: int = 16) -> np.ndarray:
    """Return one prototype (1, rows, columns) that is positive over the left half of an input."""
    prototype = np.full((1, rows, columns), -1, np.float32)
    prototype[:, :, : columns // 2] = 1
    return prototype


def seg_outputs(*, top_k: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a head's outputs for a box that covers the frame of `WIDE`, and one that scores nothing."""
    row = [0, 16, 64, 48, 0.9, 1] if top_k else [32, 32, 64, 32, 0.1, 0.9]
    rows = np.array([[*row, 1.0], [*row[:4], 0.0, 0.0, 1.0]], np.float32)[None]
    return rows if top_k else rows.transpose(0, 2, 1), left_half()[None]


@pytest.mark.parametrize("top_k", [False, True])
def test_a_mask_reaches_to_the_middle_of_the_frame(*, top_k: bool):
    head = "yolo-topk-seg" if top_k else "yolo-grid-seg"
    found = Decoder(head, 2, 0.5, 0.5).decode(seg_outputs(top_k=top_k), WIDE)
    assert found.xyxy.tolist() == [[0, 0, 200, 100]]
    assert found.class_id.tolist() == [1]
    assert found.masks is not None
    painted = found.masks.painted(0, 200, 100)
    assert painted[:, :100].all()
    assert not painted[:, 100:].any()


def test_heads_with_masks_are_known_by_both_outputs():
    grid, top_k = Decoder("yolo-grid-seg", 3, 0.5, 0.5), Decoder("yolo-topk-seg", 3, 0.5, 0.5)
    assert grid.outputs_fit(((1, 39, 252), (1, 32, 24, 32)))
    assert top_k.outputs_fit(((1, 300, 38), (1, 32, 24, 32)))
    assert not grid.outputs_fit(((1, 39, 252),))
    assert not grid.outputs_fit(((1, 7, 252), (1, 32, 24, 32)))
    assert not top_k.outputs_fit(((1, 300, 6), (1, 32, 24, 32)))
    assert not Decoder("yolo-grid", 3, 0.5, 0.5).outputs_fit(((1, 7, 252), (1, 32, 24, 32)))


@given(
    st.tuples(st.integers(32, 300), st.integers(32, 300)),
    st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
    st.tuples(st.floats(0.1, 0.5), st.floats(0.1, 0.5)),
)
def test_a_mask_is_what_every_pixel_says_by_itself(
    frame: tuple[int, int], corner: tuple[float, float], size: tuple[float, float]
):
    width, height = frame
    prototype = np.cos(np.arange(16) / 2)[:, None] + np.sin(np.arange(16) / 3)[None]
    letterbox = Letterbox.fit(width, height, 64, 64)
    box = np.array([[corner[0], corner[1], corner[0] + size[0], corner[1] + size[1]]]) * [width, height, width, height]
    masks = masks_from_prototypes(
        np.ones((1, 1), np.float32), prototype[None].astype(np.float32), box.astype(np.float32), letterbox
    )
    crop, (left, top) = masks.crops[0], masks.corners[0]
    for y in range(0, crop.shape[0], 7):
        for x in range(0, crop.shape[1], 7):
            across = ((left + x + 0.5) * letterbox.width / width + letterbox.left) / 4 - 0.5
            down = ((top + y + 0.5) * letterbox.height / height + letterbox.top) / 4 - 0.5
            value = bilinear(prototype, float(np.clip(across, 0, 15)), float(np.clip(down, 0, 15)))
            # OpenCV places samples on a grid of 1/32: where the sum passes 0, either answer is right.
            if abs(value) > 0.05:
                assert crop[y, x] == (value > 0)


def bilinear(values: np.ndarray, across: float, down: float) -> float:
    x, y = min(int(across), 14), min(int(down), 14)
    right, below = across - x, down - y
    upper = values[y, x] * (1 - right) + values[y, x + 1] * right
    lower = values[y + 1, x] * (1 - right) + values[y + 1, x + 1] * right
    return float(upper * (1 - below) + lower * below)


def two() -> Detections:
    disc = ((np.indices((40, 40)) - 19.5) ** 2).sum(axis=0) < 19**2
    masks = Masks(np.array([[10, 20], [100, 5]], np.int32), (disc.astype(np.uint8), np.zeros((8, 9), np.uint8)))
    boxes = np.array([[10, 20, 50, 60], [100, 5, 109, 13]], np.float32)
    return Detections(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 1], np.int32), masks)


def test_masks_follow_their_rows():
    kept = two().where(np.array([1, 0]))
    assert kept.masks is not None
    assert kept.masks.corners.tolist() == [[100, 5], [10, 20]]
    assert len(two().where(np.array([False, True])).masks or ()) == 1


def test_an_outline_is_short_and_lies_on_the_object():
    outline = two().outline(0)
    assert outline is not None
    assert 8 <= len(outline) <= 40
    assert np.hypot(*(np.array(outline) - (30, 40)).T) == pytest.approx(18.7, abs=1.2)


def test_an_empty_mask_has_no_outline_and_neither_has_a_row_without_mask():
    assert two().outline(1) is None
    plain = Detections(np.zeros((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, np.int32))
    assert plain.outline(0) is None


def test_a_mask_for_each_row_or_none_at_all():
    with pytest.raises(ValueError, match="1 masks"):
        Detections(
            two().xyxy, two().score, two().class_id, Masks(np.zeros((1, 2), np.int32), (np.ones((1, 1), np.uint8),))
        )

"""Masks are scored by what they share, not by their boxes, and only where the model and the labels tell outlines."""

import numpy as np
import pytest

pytest.importorskip("faster_coco_eval", reason="the extra [eval] is not installed")

from edge.evaluate.average_precision import average_precision, spread
from edge.evaluate.labels import Label
from edge.evaluate.matching import match
from edge.evaluate.outlines import outlines_of
from edge.evaluate.picture_result import PictureResult
from edge.model.detections import Detections
from edge.model.masks import Masks

SIDE = 100
SQUARE = Label(0, (0.5, 0.5, 0.4, 0.4), ((0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7)))
BOX_ALONE = Label(0, (0.5, 0.5, 0.4, 0.4))


def picture(columns: int, label: Label = SQUARE) -> PictureResult:
    """Return a picture with one object, 40 x 40, and a detection whose box is right and whose mask is so wide."""
    crop = np.zeros((40, 40), np.uint8)
    crop[:, :columns] = 1
    masks = Masks(np.array([[30, 30]], np.int32), (crop,))
    box = np.array([[30, 30, 70, 70]], np.float32)
    found = Detections(box, np.array([0.9], np.float32), np.zeros(1, np.int32), masks)
    return PictureResult(box, np.zeros(1, np.int32), found, outlines_of([label], masks, SIDE, SIDE))


@pytest.mark.parametrize(("columns", "expected"), [(40, 1.0), (34, 0.8), (25, 0.3), (18, 0.0)])
def test_a_mask_counts_at_the_overlaps_that_it_reaches(columns: int, expected: float):
    pictures = [picture(columns)]
    assert average_precision(pictures, [0])[0].map50_95 == pytest.approx(1.0)
    by_masks = average_precision(pictures, [0], "masks")[0]
    assert by_masks.map50_95 == pytest.approx(expected)
    # What draws of pictures are scored by comes to the same.
    drawn = match(pictures, 0, "masks").average_precision(np.arange(1))
    assert drawn is not None
    assert drawn.map50_95 == pytest.approx(expected)


def test_masks_intervals_hold_their_score():
    pictures = [picture(40), picture(18), picture(34), picture(40)]
    score = average_precision(pictures, [0], "masks")[0]
    luck = spread(pictures, 0, draws=200, seed=0, by="masks")
    assert luck.map50[0] <= score.map50 <= luck.map50[1]
    assert luck.map50[0] < luck.map50[1]


def test_a_mask_made_up_in_an_empty_picture_costs_precision():
    made_up = picture(40)
    empty = PictureResult(
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int32),
        made_up.found,
        outlines_of([], made_up.found.masks, 100, 100),
    )
    score = average_precision([picture(40), empty], [0], "masks")[0]
    assert score.map50 == pytest.approx(1.0)  # of equal scores the first counts first
    surer = PictureResult(
        empty.truth_xyxy,
        empty.truth_class,
        Detections(made_up.found.xyxy, np.array([0.95], np.float32), made_up.found.class_id, made_up.found.masks),
        empty.outlines,
    )
    assert average_precision([picture(40), surer], [0], "masks")[0].map50 == pytest.approx(0.5)


def test_a_box_alone_says_nothing_of_a_mask():
    assert picture(40, BOX_ALONE).outlines is None
    assert outlines_of([SQUARE], None, SIDE, SIDE) is None

"""A classifier's figures are what one gets by hand."""

import numpy as np
import pytest

from edge.evaluate.classification import average_precision_of, calibration_error, score_attributes
from edge.model.classifier import Classification, TagDecoder
from edge.model.taxonomy import Attribute, Taxonomy

TAXONOMY = Taxonomy(
    attributes=(
        Attribute(name="product", values=("lemon", "lime", "milk")),
        Attribute(name="signs", values=("sale", "organic"), multiple=True),
        Attribute(name="category", values=("citrus", "dairy"), implied_by="product", follows=(0, 0, 1)),
    )
)
DECODER = TagDecoder(TAXONOMY, {"product": 0.6, "signs": 0.5, "category": 0.9})
TRUTH = (((0,), (0,)), ((1,), ()), ((2,), (0, 1)), ((2,), (1,)))
ROWS = (
    (0.8, 0.1, 0.1, 0.9, 0.1),  # lemon, right and sure; sale, right
    (0.5, 0.4, 0.1, 0.2, 0.3),  # lime taken for lemon, not sure; no sign, right
    (0.1, 0.2, 0.7, 0.6, 0.2),  # milk, right and sure; organic missed
    (0.7, 0.2, 0.1, 0.1, 0.8),  # milk taken for lemon, and sure; organic, right
)


def said() -> list[Classification]:
    return [DECODER.decode(np.array(row, np.float32)) for row in ROWS]


def test_one_value_a_picture_is_scored_by_its_likeliest():
    product, _, category = score_attributes(TAXONOMY, TRUTH, said())
    assert product.accuracy == 0.5
    assert product.unknown == 0.25
    assert product.accuracy_of_sure == pytest.approx(2 / 3)
    by_value = {score.value: score for score in product.values}
    assert (by_value["lemon"].precision, by_value["lemon"].recall) == (pytest.approx(1 / 3), 1)
    assert (by_value["milk"].precision, by_value["milk"].recall) == (1, 0.5)
    assert (by_value["lime"].precision, by_value["lime"].f1, by_value["lime"].pictures) == (0, 0, 1)
    assert product.macro_f1 == pytest.approx((0.5 + 2 / 3 + 0) / 3)
    assert product.micro_f1 == 0.5
    assert product.mean_average_precision is None
    assert category.accuracy == 0.75


def test_several_values_a_picture_are_scored_by_all_that_was_said():
    _, signs, _ = score_attributes(TAXONOMY, TRUTH, said())
    assert signs.accuracy == 0.75
    assert signs.micro_f1 == pytest.approx(2 * 3 / (3 + 4))
    assert signs.calibration_error == pytest.approx((0.1 + 0.4 + 0.2) / 3)
    sale = (1 + 1) / 2  # both ranked above the others
    organic = (1 + 2 / 3) / 2
    assert signs.mean_average_precision == pytest.approx((sale + organic) / 2)


def test_scores_that_mean_what_they_say_have_no_calibration_error():
    scores = np.repeat([0.25, 0.75], 4)
    assert calibration_error(scores, np.array([1, 0, 0, 0, 1, 1, 1, 0], bool)) == pytest.approx(0)
    assert calibration_error(scores, np.zeros(8, bool)) == pytest.approx(0.5)
    assert calibration_error(np.zeros(0), np.zeros(0, bool)) == 0


def test_average_precision_is_the_mean_of_the_precisions_at_each_hit():
    wanted = np.array([True, False, True, False])
    assert average_precision_of(np.array([0.9, 0.8, 0.7, 0.6], np.float32), wanted) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision_of(np.array([0.1, 0.2], np.float32), np.array([False, False])) == 0

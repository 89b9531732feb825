"""A gallery's threshold and margin are chosen on pictures, and what they come to is told honestly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.gallery_calibration import calibrate_gallery, score_gallery
from edge.model.teaching import bounds_of


def products(count: int, pictures: int, spread: float, seed: int = 0) -> dict[str, list[NDArray[np.float32]]]:
    """Return unit vectors around a random direction for each product; a spread of 1 is as long as the direction."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[NDArray[np.float32]]] = {}
    for number in range(count):
        rows = rng.normal(size=32) + spread * rng.normal(size=(pictures, 32))
        found[f"p{number}"] = [*(rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)]
    return found


def test_products_that_lie_apart_are_told_and_strangers_are_not():
    found = calibrate_gallery(products(10, 12, 0.3), 2)
    assert (found.score.nearest, found.score.mistaken, found.score.pictures) == (1.0, 0.0, 2)
    assert found.score.told > 0.98
    assert found.score.strangers_unknown > 0.98
    assert 0.4 < found.threshold < 0.9


def test_what_was_chosen_on_some_products_holds_for_others():
    found = calibrate_gallery(products(12, 12, 0.8, seed=1), 4)
    other = score_gallery(products(12, 12, 0.8, seed=2), 4, found.threshold, found.margin)
    assert abs(other.told - found.score.told) < 0.12
    assert abs(other.strangers_unknown - found.score.strangers_unknown) < 0.12


def test_bounds_that_were_chosen_beat_those_that_were_guessed():
    reference = products(12, 12, 1.2)
    found = calibrate_gallery(reference, 4)
    guessed = score_gallery(reference, 4, 0.7, 0.05)
    assert found.score.told + found.score.strangers_unknown > guessed.told + guessed.strangers_unknown + 0.1


def test_more_pictures_a_product_tell_more():
    few, many = (score_gallery(products(12, 20, 1.2), count, 0.5, 0.0) for count in (1, 8))
    assert many.nearest > few.nearest + 0.05


def test_bounds_come_from_a_reference_else_from_the_gallery_itself_else_are_said_to_be_guessed():
    gallery, reference = products(6, 4, 0.3), products(8, 10, 0.9)
    own = bounds_of(gallery, None, None, None)
    assert own.score is not None
    assert own.score.pictures == 3
    given = bounds_of(gallery, reference, None, None)
    assert given.score is not None
    assert (given.score.pictures, given.threshold < own.threshold) == (4, True)
    assert "chosen on" not in str(given)
    one_each = bounds_of(products(6, 1, 0.3), None, None, None)
    assert (one_each.threshold, one_each.margin) == (0.7, 0.05)
    assert "not chosen on pictures" in str(one_each)
    mixed = bounds_of(gallery, None, 0.33, None)
    assert (mixed.threshold, mixed.margin, mixed.score) == (0.33, own.margin, None)


def test_pictures_of_another_series_tell_what_a_gallery_is_worth_there():
    series = products(10, 12, 0.3)
    rng = np.random.default_rng(3)
    turned: dict[str, list[NDArray[np.float32]]] = {}
    for name, rows in series.items():  # another light: all pictures of a product moved by the same
        moved = np.stack(rows) + 0.15 * rng.normal(size=32)
        turned[name] = [*(moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)]
    own, other = calibrate_gallery(series, 2), calibrate_gallery(series, 2, shown=turned)
    assert other.threshold < own.threshold
    naive = score_gallery(series, 2, own.threshold, own.margin, shown=turned)
    assert other.score.told + other.score.strangers_unknown >= naive.told + naive.strangers_unknown
    with pytest.raises(EdgekitError, match="1 products have 2 pictures or more and others to show"):
        calibrate_gallery(series, 2, shown={"p0": series["p0"], "p1": []})


def test_a_reference_of_too_few_pictures_is_refused():
    with pytest.raises(EdgekitError, match="3 products have 3 pictures or more, 4 are needed"):
        calibrate_gallery(products(3, 9, 0.3), 2)
    with pytest.raises(EdgekitError, match="0 products have 10 pictures or more"):
        calibrate_gallery(products(8, 9, 0.3), 9)

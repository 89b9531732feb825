"""Whether a place rests: noise and light are no movement, a finger is."""

import cv2
import numpy as np
import pytest

from edge.tags.calm import Calm

PLACE = (100.0, 40.0, 160.0, 220.0)


def scene(seed: int, light: float = 1.0) -> np.ndarray:
    """Return the brightness (240, 320) of a gradient with a sensor's noise."""
    noise = np.random.default_rng(seed).normal(0, 4, (240, 320))
    ramp = np.linspace(60, 140, 320)[None, :] * light
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("place", [PLACE, (100.0, 40.0, 118.0, 62.0), (-20.0, -20.0, 30.0, 400.0)])
def test_noise_is_no_movement(place: tuple[float, float, float, float]):
    calm = Calm(scene(0), place)
    assert all(calm.again(scene(seed)).like(calm) for seed in range(1, 50))


def test_a_light_that_goes_on_is_no_movement():
    dark = Calm(scene(0), PLACE)
    assert dark.again(scene(1, light=1.05) + np.uint8(40)).like(dark)


def test_a_finger_is_movement():
    touched = scene(1)
    cv2.rectangle(touched, (120, 40), (132, 100), 160, cv2.FILLED)
    before = Calm(scene(0), PLACE)
    assert not before.again(touched).like(before)


def test_what_moves_beside_the_place_is_none_of_it():
    beside = scene(1)
    beside[:, 165:] = 255
    before = Calm(scene(0), PLACE)
    assert before.again(beside).like(before)


def test_a_place_outside_of_the_picture_is_always_calm():
    outside = Calm(scene(0), (400.0, 0.0, 500.0, 100.0))
    assert outside.again(scene(1)).like(outside)

"""A gate holds a still scene back and lets through whatever moves, however small, slow or noisy."""

from datetime import datetime, timezone

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.video.frame import ClockSource, Frame
from edge.video.motion import MotionGate

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
FPS = 30
Image = NDArray[np.uint8]


def frame(index: int, image: Image) -> Frame:
    return Frame("c", index, NOON, ClockSource.FILE, index / FPS, 0.0, image)


def scene(seed: int, noise: float = 4.0) -> NDArray[np.float64]:
    """Return a textured scene in which nothing moves, with a sensor's noise."""
    texture = np.random.default_rng(0).normal(110, 30, (45, 80, 3)).repeat(8, axis=0).repeat(8, axis=1)
    return texture + np.random.default_rng(seed + 1).normal(0, noise, texture.shape)


def as_image(picture: NDArray[np.float64]) -> Image:
    return np.clip(picture, 0, 255).astype(np.uint8)


def rested_gate() -> MotionGate:
    """Return a gate that has seen the still scene for a second."""
    gate = MotionGate()
    for n in range(FPS):
        gate.is_still(frame(n, as_image(scene(n))))
    return gate


@pytest.mark.parametrize("noise", [0.0, 2.0, 8.0])
def test_a_still_scene_is_inferred_only_now_and_then(noise: float):
    gate = MotionGate()
    pictures = [as_image(scene(n, noise)) for n in range(40)]
    passed = [n for n in range(20 * FPS) if not gate.is_still(frame(n, pictures[n % 40]))]
    assert passed[:15] == list(range(15))  # what has just begun is seen at rest
    assert 3 <= len([n for n in passed if n > 16]) <= 5  # every five seconds, whatever it shows


def test_a_small_object_is_let_through_at_once_and_while_it_comes_to_rest():
    gate = rested_gate()
    assert gate.is_still(frame(FPS, as_image(scene(50))))
    picture = scene(51)
    picture[200:220, 300:330] += 25
    assert not gate.is_still(frame(FPS + 1, as_image(picture)))
    passed = [not gate.is_still(frame(FPS + 2 + n, as_image(picture))) for n in range(20)]
    assert all(passed[:14])
    assert not any(passed[16:])


def test_a_change_too_slow_to_be_seen_from_frame_to_frame_adds_up():
    gate = rested_gate()
    passed = 0
    for n in range(4 * FPS):
        picture = scene(n)
        left = 100 + n // 6  # five pixels a second
        picture[100:180, left : left + 80] += 40
        passed += not gate.is_still(frame(FPS + n, as_image(picture)))
    assert passed > 2 * FPS


def test_a_light_that_changes_is_something_new():
    gate = rested_gate()
    assert not gate.is_still(frame(FPS, as_image(scene(60) + 6)))


def test_another_picture_size_is_something_new():
    gate = rested_gate()
    assert not gate.is_still(frame(FPS, as_image(scene(0)[:200])))


@pytest.mark.parametrize("seed", range(40))
def test_what_is_not_looked_at_closely_is_judged_as_if_it_were(seed: int):
    random = np.random.default_rng(seed)
    base = random.integers(60, 180, (45, 80)).repeat(8, axis=0).repeat(8, axis=1)
    change = random.choice([0, 1, 3, 4, 5, 6, 7, 9], (45, 80), p=random.dirichlet(np.full(8, 0.2)))
    usual = float(np.median(change))
    differs = usual >= 4 or np.count_nonzero(change >= max(7.0, 6 * 1.4826 * usual)) >= 3
    gate = MotionGate()
    for n in range(FPS):
        gate.is_still(frame(n, as_image(np.repeat(base[..., None], 3, 2).astype(np.float64))))
    changed = base + change.repeat(8, axis=0).repeat(8, axis=1)
    assert gate.is_still(frame(FPS, as_image(np.repeat(changed[..., None], 3, 2).astype(np.float64)))) is not differs

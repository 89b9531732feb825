"""A blind camera is found by its pictures, and a dark or still one that lives is not taken for blind."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.video.watch import PictureFault, PictureWatch

SHAPE = (360, 640, 3)
FPS = 10


def still(level: int, noise: float, seed: int) -> NDArray[np.uint8]:
    """Return a picture of a scene in which nothing moves, with a sensor's noise."""
    picture = np.random.default_rng(seed).normal(level, noise, SHAPE)
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("level", [3, 20, 120])
def test_ten_minutes_of_a_still_or_dark_scene_that_lives_raise_no_alarm(level: int):
    watch = PictureWatch(4.0)
    pictures = [still(level, 1.5, seed) for seed in range(50)]
    rolled = (np.roll(pictures[n % 50], n // 50 + 1, axis=1) for n in range(600 * FPS))
    assert all(watch.see(picture, n / FPS) is None for n, picture in enumerate(rolled))


@pytest.mark.parametrize(("fault", "level", "noise"), [(PictureFault.BLACK, 1, 0.0), (PictureFault.FROZEN, 90, 3.0)])
def test_a_blind_camera_is_noticed_after_its_patience_and_sees_again_with_the_first_new_picture(
    fault: PictureFault, level: int, noise: float
):
    watch = PictureWatch(4.0)
    for n in range(20):
        assert watch.see(still(100, 2.0, n), n / FPS) is None
    blind = still(level, noise, 999)
    told = [watch.see(blind, 2.0 + n / FPS) for n in range(60)]
    first = next(n for n, one in enumerate(told) if one is not None)
    assert 3.9 <= first / FPS <= 4.2
    assert all(one is not None and one.fault is fault and one.since_s <= 2.0 for one in told[first:])
    assert watch.see(still(100, 2.0, 7000), 9.0) is None


def test_an_encoder_that_repeats_its_key_frames_does_not_hide_a_frozen_camera():
    watch = PictureWatch(4.0)
    cycle = [still(90, 2.0, seed) for seed in (0, 1, 2, 3, 3, 3, 3, 3, 3, 3)]
    told = [watch.see(cycle[n % 10], n / FPS) for n in range(60)]
    assert told[40] is None
    assert told[-1] is not None
    assert told[-1].fault is PictureFault.FROZEN


def test_a_clip_that_plays_in_a_loop_is_not_frozen():
    watch = PictureWatch(4.0)
    clip = [still(90, 2.0, seed) for seed in range(20)]
    assert all(watch.see(clip[n % 20], n / FPS) is None for n in range(200))


def test_a_camera_that_was_still_for_long_and_moved_by_itself_is_given_more_time():
    watch = PictureWatch(4.0)
    watch.see(still(90, 2.0, 0), 0.0)
    scene = still(90, 2.0, 1)
    assert [watch.see(scene, 1 + n / FPS) for n in range(60)][-1] is not None
    assert watch.see(still(90, 2.0, 2), 7.0) is None
    assert not any(watch.see(scene, 7 + n / FPS) for n in range(95))


def test_the_time_in_which_a_camera_was_away_does_not_make_its_picture_a_frozen_one():
    watch = PictureWatch(4.0)
    scene = still(90, 2.0, 1)
    assert not any(watch.see(scene, n / FPS) for n in range(20))
    assert watch.see(scene, 600.0) is None
    assert not any(watch.see(still(0, 0.0, 0), 600.1 + n * 60) for n in range(7))


def test_a_watch_without_patience_finds_nothing():
    watch = PictureWatch(0.0)
    assert all(watch.see(np.zeros(SHAPE, np.uint8), float(second)) is None for second in range(100))

"""A blind camera is found by its pictures, and a dark or still one that lives is not taken for blind."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.video.watch import Blindness, PictureFault, PictureWatch

SHAPE = (128, 192)  # every eighth pixel of every eighth row is looked at
FPS = 10
Luma = NDArray[np.uint8]
NOISE = [np.random.default_rng(seed).normal(0, 1, SHAPE) for seed in range(20)]


def still(level: float, noise: float, number: int) -> Luma:
    """Return a picture of a scene in which nothing moves, with a sensor's noise: another for each number."""
    drawn = np.roll(NOISE[number % 20], number // 20, axis=1)
    return np.clip(level + noise * drawn, 0, 255).astype(np.uint8)


class Camera:
    """A camera's stream as a watch sees it.

    Args:
        key_s: Seconds from one key frame to the next.
        flat: Whether its encoder flattens all noise between key frames.
        lone: Whether every picture is coded without others.
    """

    def __init__(self, *, key_s: float = 1.0, flat: bool = False, lone: bool = False, level: float = 100) -> None:
        self.watch = PictureWatch(4.0)
        self.told: list[Blindness | None] = []
        self._level = level
        self._key_every = 1 if lone else round(key_s * FPS)
        self._flat = flat
        self._number = 0
        self._shown = still(level, 2.0, 0)

    def live(self, seconds: float) -> list[Blindness | None]:
        return self._play(seconds, lambda number: still(self._level, 2.0, number))

    def freeze(self, seconds: float) -> list[Blindness | None]:
        frozen = still(self._level, 2.0, self._number)
        return self._play(seconds, lambda _number: frozen)

    def _play(self, seconds: float, sensor: Callable[[int], Luma]) -> list[Blindness | None]:
        told: list[Blindness | None] = []
        for number in range(self._number, self._number + round(seconds * FPS)):
            is_key = number % self._key_every == 0
            if is_key or not self._flat:
                self._shown = sensor(number)
            told.append(self.watch.see(self._shown, number / FPS, is_key=is_key))
        self._number += len(told)
        return told


def noticed_s(told: list[Blindness | None]) -> float:
    """Return the seconds until a fault was told that then stayed."""
    first = next(n for n, one in enumerate(told) if one is not None)
    assert all(one is not None and one.fault is PictureFault.FROZEN for one in told[first:])
    return first / FPS


CAMERAS: dict[str, Callable[[], Camera]] = {
    "noise shows in every picture": Camera,
    "with rare key frames": lambda: Camera(key_s=2.4),
    "every picture is coded alone": lambda: Camera(lone=True),
    "noise shows in key frames only": lambda: Camera(flat=True, key_s=2.0),
}


@pytest.mark.parametrize("kind", CAMERAS)
def test_a_freeze_is_noticed_within_five_seconds_the_first_time_and_the_second(kind: str):
    camera = CAMERAS[kind]()
    for seconds in (7.3, 30.0, 12.0):
        assert not any(camera.live(seconds)[5 * FPS :])
        assert noticed_s(camera.freeze(15.0)) <= 5.0
    assert not any(camera.live(10.0)[5 * FPS :])


@pytest.mark.parametrize("key_s", [1.0, 12.0])
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("level", [3, 120])
def test_ten_minutes_of_a_still_or_dark_scene_that_lives_raise_no_alarm(key_s: float, level: float, *, flat: bool):
    assert not any(Camera(key_s=key_s, flat=flat, level=level).live(600))


def test_a_camera_that_has_never_shown_noise_cannot_be_told_from_a_still_scene():
    watch = PictureWatch(4.0)
    scene = still(90, 20.0, 1)

    def moving() -> Iterator[Luma]:
        for n in range(20 * FPS):
            picture = scene.copy()
            picture[30:80, n // 4 : n // 4 + 60] = 200
            yield picture

    pictures = [*moving(), *[scene] * (600 * FPS)]
    assert not any(watch.see(picture, n / FPS, is_key=n % 10 == 0) for n, picture in enumerate(pictures))


def test_a_black_camera_is_noticed_after_its_patience_and_sees_again_with_the_first_bright_picture():
    watch = PictureWatch(4.0)
    assert not any(watch.see(still(100, 2.0, n), n / FPS, is_key=True) for n in range(20))
    told = [watch.see(still(1, 0.0, n), 2.0 + n / FPS, is_key=True) for n in range(60)]
    first = next(n for n, one in enumerate(told) if one is not None)
    assert 3.9 <= first / FPS <= 4.2
    assert {one.fault for one in told[first:] if one is not None} == {PictureFault.BLACK}
    assert told[-1] is not None
    assert told[-1].since_s <= 2.0
    assert watch.see(still(100, 2.0, 7000), 9.0, is_key=True) is None


def test_an_encoder_that_refines_its_key_frames_does_not_hide_a_frozen_camera():
    watch = PictureWatch(4.0)
    assert not any(watch.see(still(90, 2.0, n), n / FPS, is_key=n % 10 == 0) for n in range(60))
    cycle = [still(90, 2.0, number) for number in (100, 101, 102, 103, 103, 103, 103, 103, 103, 103)]
    told = [watch.see(cycle[n % 10], 6 + n / FPS, is_key=n % 10 == 0) for n in range(60)]
    assert noticed_s(told) <= 5.0


def test_a_frozen_camera_that_is_opened_anew_is_still_frozen_until_it_shows_noise():
    camera = Camera()
    camera.live(10.0)
    camera.freeze(6.0)
    camera.watch.reopened()
    assert all(camera.freeze(10.0))
    assert not any(camera.live(10.0)[FPS:])


def test_a_clip_that_plays_in_a_loop_is_not_frozen():
    watch = PictureWatch(4.0)
    clip = [still(90, 2.0, number) for number in range(20)]
    assert all(watch.see(clip[n % 20], n / FPS, is_key=n % 10 == 0) is None for n in range(200))


def test_the_time_in_which_a_camera_was_away_does_not_make_its_picture_a_frozen_one():
    camera = Camera()
    camera.live(10.0)
    watch, scene = camera.watch, still(90, 2.0, 1)
    assert not any(watch.see(scene, 10 + n / FPS, is_key=False) for n in range(20))
    watch.reopened()
    assert watch.see(scene, 600.0, is_key=True) is None
    assert not any(watch.see(still(0, 0.0, 0), 600.1 + n * 60, is_key=True) for n in range(3))


def test_a_watch_without_patience_finds_nothing():
    watch = PictureWatch(0.0)
    assert all(watch.see(np.zeros(SHAPE, np.uint8), float(second), is_key=True) is None for second in range(100))

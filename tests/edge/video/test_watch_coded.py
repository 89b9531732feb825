"""The watch on streams that a real encoder made of a sensor with noise: what it flattens, refines and rations.

Time runs by the presentation times, so that ten minutes take seconds.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.video.planes import Conversion, Planes
from edge.video.watch import PictureFault, PictureWatch

FPS = 5
HEIGHT, WIDTH = 288, 384
AS_CAMERAS_DO = {"bf": "0", "tune": "psnr", "sc_threshold": "0"}
ENCODERS = {
    "good quality": {"crf": "23", "g": "10"},
    "noise flattened between key frames": {"crf": "38", "g": "10"},
    "layers of B-frames": {"crf": "26", "g": "10", "bf": "3"},
    "refreshed often": {"crf": "23", "g": "5"},
}
# Under a tight ration an encoder goes on refining a still picture: what is frozen is told when it has settled.
SLOW_TO_SETTLE = {
    "rationed": {"b": "60000", "maxrate": "60000", "bufsize": "60000", "g": "10"},
    "rare key frames, all flattened": {"crf": "38", "g": "125"},
}


@cache
def scenes(level: float) -> list[NDArray[np.uint8]]:
    """Return what a sensor sees of a still scene: textured, with noise that is new each time."""
    texture = level + level / 3 * np.sin(np.linspace(0, 12, WIDTH))[None, :, None]
    noise = np.random.default_rng(0).normal(0, 3, (61, HEIGHT, WIDTH, 1))
    return [np.clip(texture + one, 0, 255).astype(np.uint8).repeat(3, axis=2) for one in noise]


def sensor(stretches: list[tuple[str, float]], level: float = 110) -> Iterator[NDArray[np.uint8]]:
    number = 0
    for state, seconds in stretches:
        for _ in range(round(seconds * FPS)):
            number += state == "live"
            yield scenes(level)[number % 61]


def told(path: Path, pictures: Iterator[NDArray[np.uint8]], options: dict[str, str]) -> list[PictureFault | None]:
    """Code pictures, and return what the watch says at each of them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={**AS_CAMERAS_DO, **options})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    watch, conversion, said = PictureWatch(4.0), Conversion(), list[PictureFault | None]()
    with av.open(str(path)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            planes = Planes(picture, conversion)
            blindness = watch.see(planes.luma, number / FPS, is_key=planes.is_key)
            said.append(None if blindness is None else blindness.fault)
    return said


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_sensor_that_hangs_behind_a_live_encoder_is_noticed_within_five_seconds_both_times(
    encoder: str, tmp_path: Path
):
    stretches = [("live", 21.4), ("frozen", 12.0), ("live", 20.6), ("frozen", 12.0), ("live", 8.0)]
    said = told(tmp_path / "clip.mp4", sensor(stretches), ENCODERS[encoder])
    at_s = 0.0
    for state, seconds in stretches:
        during = said[round(at_s * FPS) : round((at_s + seconds) * FPS)]
        if state == "frozen":
            assert during.index(PictureFault.FROZEN) / FPS <= 5.0, f"{at_s} s"
            assert None not in during[during.index(PictureFault.FROZEN) :]
        else:
            assert not any(during[round(2.2 * FPS) :]), f"{at_s} s"  # a key frame may have to be waited for
        at_s += seconds


@pytest.mark.long
@pytest.mark.parametrize("level", [110, 22])
@pytest.mark.parametrize("encoder", [*ENCODERS, *SLOW_TO_SETTLE])
def test_ten_minutes_of_a_still_scene_or_a_dark_one_raise_no_alarm(encoder: str, level: float, tmp_path: Path):
    options = {**ENCODERS, **SLOW_TO_SETTLE}[encoder]
    assert not any(told(tmp_path / "clip.mp4", sensor([("live", 600)], level), options))


@pytest.mark.long
def test_ten_minutes_of_one_picture_without_any_noise_raise_no_alarm(tmp_path: Path):
    said = told(tmp_path / "clip.mp4", sensor([("frozen", 600)]), {"crf": "23", "g": "10"})
    assert not any(said)

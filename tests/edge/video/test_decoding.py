"""While a scene rests, pictures that no other needs are not decoded; those that come are what they were."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from edge.video.decoding import never
from edge.video.files import FileFrames
from edge.video.frame import Frame
from edge.video.section import FileSource

FRAMES = 60


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Write a clip with B-frames in which a bright square wanders."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30), options={"bf": "3", "b_strategy": "0"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(FRAMES):
            image = np.full((96, 128, 3), 60, np.uint8)
            image[30:60, index : index + 30] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def frames_of(clip: Path, resting: Callable[[], bool]) -> list[Frame]:
    return list(FileFrames("gate", FileSource(kind="file", path=clip), resting).frames())


def test_a_scene_that_does_not_rest_is_decoded_whole(clip: Path):
    assert [frame.index for frame in frames_of(clip, never)] == list(range(FRAMES))


def test_a_resting_scene_gives_fewer_pictures_each_the_same_and_in_its_place(clip: Path):
    whole = frames_of(clip, never)
    some = frames_of(clip, lambda: True)
    assert FRAMES // 4 <= len(some) <= FRAMES // 2 + 1
    assert all((frame.image == whole[frame.index].image).all() for frame in some)
    assert [frame.media_s for frame in some] == [whole[frame.index].media_s for frame in some]


def test_a_scene_that_wakes_up_gives_all_pictures_again(clip: Path):
    asked = iter(range(10_000))
    some = frames_of(clip, lambda: next(asked) < FRAMES // 2)
    indices = [frame.index for frame in some]
    assert indices == sorted(set(indices))
    assert indices[-20:] == list(range(FRAMES - 20, FRAMES))
    assert len(indices) < FRAMES

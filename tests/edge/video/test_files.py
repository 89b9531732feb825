"""Files and folders give every frame in order, and say what is wrong with them in one line."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.video.section import Camera, FileSource, FolderSource, UsbSource
from edge.video.sources import SourceLostError, open_source


def write_clip(path: Path, frames: int = 40) -> Path:
    """Write a clip whose frames brighten, its index before its pictures, so that a cut end leaves it readable."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(20))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            image = np.full((48, 64, 3), index * 5, np.uint8)
            image[::2, ::3] = np.random.default_rng(index).integers(0, 255, (24, 22, 3))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def read(camera: Camera) -> list[Any]:
    return list(open_source(camera).frames())


def file_camera(path: Path) -> Camera:
    return Camera(name="c", source=FileSource(kind="file", path=path))


def test_a_file_gives_every_frame_with_its_own_time(tmp_path: Path):
    frames = read(file_camera(write_clip(tmp_path / "clip.mp4")))
    assert [frame.index for frame in frames] == list(range(40))
    assert [frame.media_s for frame in frames] == pytest.approx([index / 20 for index in range(40)])
    assert frames[0].image.shape == (48, 64, 3)
    assert (frames[1].captured_at - frames[0].captured_at).total_seconds() == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_video_says_that_it_breaks_off(tmp_path: Path, share: float):
    whole = write_clip(tmp_path / "clip.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(EdgekitError, match=r"breaks off|is broken|no video that can be read") as told:
        read(file_camera(cut))
    assert "cut.mp4" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_video_and_one_that_is_none_are_told_before_anything_runs(tmp_path: Path):
    with pytest.raises(EdgekitError, match="there is no video at"):
        open_source(file_camera(tmp_path / "missing.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(EdgekitError, match="is no video that can be read"):
        open_source(file_camera(tmp_path / "text.mp4"))


def test_a_folder_gives_its_pictures_by_name_and_skips_what_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for name, value in (("b.png", 20), ("a.png", 10), ("c.png", 30)):
        cv2.imwrite(str(tmp_path / name), np.full((8, 8, 3), value, np.uint8))
    (tmp_path / "aa.jpg").write_text("no picture")
    (tmp_path / "notes.txt").write_text("not looked at")
    frames = read(Camera(name="c", source=FolderSource(kind="folder", path=tmp_path, fps=4)))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 20, 30]
    assert [frame.media_s for frame in frames] == [0, 0.25, 0.5]
    assert "aa.jpg cannot be read" in caplog.text


def test_a_folder_without_pictures_is_told(tmp_path: Path):
    with pytest.raises(EdgekitError, match="holds no picture"):
        open_source(Camera(name="c", source=FolderSource(kind="folder", path=tmp_path)))
    with pytest.raises(EdgekitError, match="there is no folder at"):
        open_source(Camera(name="c", source=FolderSource(kind="folder", path=tmp_path / "x")))


def test_a_usb_camera_that_is_not_plugged_in_is_told_as_lost_and_can_come_back(tmp_path: Path):
    camera = Camera(name="c", source=UsbSource(kind="usb", device=tmp_path / "video9"))
    with pytest.raises(SourceLostError, match=r"there is no device .*video9; is it plugged in"):
        open_source(camera)

"""A decoded picture is converted when somebody asks, once, and never shows what is masked."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from edge.model.geometry import Bgr
from edge.video.frame import ClockSource, Frame
from edge.video.masks import PrivacyMasks
from edge.video.planes import Conversion, Planes

HEIGHT, WIDTH = 96, 130  # no multiple of what decoders align rows to
BT601, BT709, BT2020 = 5, 1, 9  # as swscale names them; not every PyAV has names for all
LEFT_HALF = (((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),)


def decoded(format_: str) -> av.VideoFrame:
    """Return a picture that is brighter to the right, in a decoder's format."""
    ramp = np.linspace(40, 200, WIDTH).astype(np.uint8)
    image = np.broadcast_to(ramp[None, :, None], (HEIGHT, WIDTH, 3)).copy()
    return av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=format_)


def frame_of(picture: av.VideoFrame) -> Frame:
    now = datetime(2026, 3, 1, tzinfo=timezone.utc)
    return Frame("gate", 0, now, ClockSource.HOST, 0.0, 0.0, Planes(picture, Conversion()))


@pytest.mark.parametrize("format_", ["yuv420p", "nv12", "yuvj420p", "gray", "yuv420p10le", "rgb24", "yuyv422"])
def test_every_decoders_format_gives_bgr_and_its_brightness(format_: str):
    picture = decoded(format_)
    frame = frame_of(picture)
    assert (frame.height, frame.width) == frame.luma.shape == (HEIGHT, WIDTH)
    assert (frame.image == picture.to_ndarray(format="bgr24")).all()
    rising = frame.luma.mean(axis=0)
    assert rising[10] + 80 < rising[-10]
    assert rising[64] == pytest.approx((rising[10] + rising[-10]) / 2, abs=8)


def test_a_picture_is_converted_once_however_many_ask():
    frame = frame_of(decoded("yuv420p"))
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(lambda: frame.image) for _ in range(16)]
    assert len({id(one.result()) for one in asked}) == 1


def colourful() -> np.ndarray:
    """Return a picture (HEIGHT, WIDTH, 3) BGR whose colours run from one to another."""
    down, across = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    return np.rint(255 * np.stack([across, down, 1 - across * down], axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("space", [BT601, BT709, BT2020, None])
@pytest.mark.parametrize("range_", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("format_", ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "nv12", "yuv420p10le", "bgr24"])
def test_a_picture_is_drawn_from_its_planes_as_it_would_be_from_bgr(
    format_: str, range_: ColorRange, space: int | None
):
    rgb = av.VideoFrame.from_ndarray(colourful(), format="bgr24")
    picture = rgb.reformat(format=format_, dst_colorspace=space, dst_color_range=range_)
    frame = frame_of(picture)
    out, expected = np.zeros((2, 50, 70, 3), np.uint8)
    frame.draw(out)
    Bgr(frame.image).draw(expected)
    apart = np.abs(out.astype(int) - expected)
    assert apart.mean() < 1.5  # swscale's own fast ways of making BGR are as far from what standards say
    assert apart.max() <= 8


def test_a_picture_is_drawn_into_a_part_of_another_and_nowhere_else():
    out = np.zeros((60, 90, 3), np.uint8)
    frame_of(decoded("yuv420p")).draw(out[5:55, 10:80])
    assert out[5:55, 10:80].all()
    out[5:55, 10:80] = 0
    assert not out.any()


@pytest.mark.parametrize("format_", ["yuv420p", "yuv444p", "yuvj420p", "nv12", "yuv420p10le", "bgr24"])
def test_what_is_masked_shows_in_no_form_and_the_decoders_own_picture_stays_whole(format_: str):
    picture = decoded(format_)
    before = [bytes(plane) for plane in picture.planes]  # older PyAV makes no array of every format
    covered = PrivacyMasks(LEFT_HALF).cover(frame_of(picture))
    drawn = np.full((HEIGHT, WIDTH, 3), 99, np.uint8)
    covered.draw(drawn)
    for form in (covered.image, covered.luma, drawn):
        assert not form[:, : WIDTH // 2].any()
        assert form[:, WIDTH // 2 + 3 :].all()
    assert [bytes(plane) for plane in picture.planes] == before

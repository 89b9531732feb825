"""A picture's size is known from its header alone, and is the one that the decoder comes to."""

import contextlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import EdgekitError
from edge.model.picture import decode_picture
from edge.model.picture_size import read_header

TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def coded(ending: str, width: int, height: int, *options: int) -> bytes:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return np.asarray(cv2.imencode(ending, image, list(options))[1], np.uint8).tobytes()


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_WEBP_QUALITY, 101), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
@pytest.mark.parametrize("ending", TYPES)
def test_the_size_is_the_decoders(ending: str, options: tuple[int, ...]):
    content = coded(ending, 301, 47, *options)
    header = read_header(content)
    assert (header.content_type, header.width, header.height) == (TYPES[ending], 301, 47)
    assert decode_picture(content, "it").shape[:2] == (47, 301)


def test_segments_before_a_jpegs_frame_are_passed_over_as_the_decoder_does():
    content = coded(".jpg", 64, 48)
    thumbnail = b"\xff\xe1" + (2 + 20).to_bytes(2, "big") + b"\xff\xc0\x00\x11\x08\x00\x01\x00\x01\x03" + bytes(10)
    content = content[:2] + thumbnail + b"\xff\xff" + content[2:]
    header = read_header(content)
    assert (header.width, header.height) == (64, 48)
    assert decode_picture(content, "it").shape[:2] == (48, 64)


def test_a_header_of_endless_segments_is_given_up():
    with pytest.raises(EdgekitError, match="longer than any"):
        read_header(b"\xff\xd8\xff\xe0\x00\x02" + b"\xff\xe0\x00\x02" * 1_000_000)


def with_scans(content: bytes, count: int) -> bytes:
    """Return a progressive JPEG whose last scan comes so many times more."""
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * count + content[-2:]


def test_a_jpeg_of_more_scans_than_any_encoder_writes_is_refused_before_it_is_decoded():
    content = coded(".jpg", 64, 48, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert read_header(with_scans(content, 50)).pixels == 64 * 48
    many = with_scans(content, 5_000)
    with pytest.raises(EdgekitError, match="more than 100 scans"):
        read_header(many)
    hidden = many.replace(b"\xff\xda", b"\xff\x01\xff\xda")  # a marker without a length, which decoders pass over
    with pytest.raises(EdgekitError, match="more than 100 scans"):
        read_header(hidden)


def test_what_follows_a_jpegs_end_and_restarts_within_are_no_scans():
    content = coded(".jpg", 640, 480, cv2.IMWRITE_JPEG_RST_INTERVAL, 1)
    assert content.count(b"\xff\xd0") > 100
    assert read_header(content + b"\xff\xda\x00\x02" * 1_000).pixels == 640 * 480


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_a_jpeg_that_is_cut_off_is_no_picture(options: tuple[int, ...]):
    content = coded(".jpg", 64, 48, *options)
    for end in (100, len(content) // 2, len(content) - 1):
        with pytest.raises(EdgekitError, match="cut off"):
            read_header(content[:end])


@given(st.binary(max_size=64), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF89a"]))
def test_whatever_comes_is_some_size_or_one_clear_error(content: bytes, begin: bytes):
    pixels = -1
    with contextlib.suppress(EdgekitError):
        pixels = read_header(begin + content).pixels
    assert pixels >= -1
    if begin in (b"", b"GIF89a") and not content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"RIFF")):
        assert pixels == -1

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


@given(st.binary(max_size=64), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF89a"]))
def test_whatever_comes_is_some_size_or_one_clear_error(content: bytes, begin: bytes):
    pixels = -1
    with contextlib.suppress(EdgekitError):
        pixels = read_header(begin + content).pixels
    assert pixels >= -1
    if begin in (b"", b"GIF89a") and not content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"RIFF")):
        assert pixels == -1

"""Real, generated codes are read in a piece of a frame, and their middle is told in pixels of the frame."""

import cv2
import numpy as np
import pytest
import zxingcpp

from devices.errors import EdgekitError
from edge.tags.codes import CodeReader, cut
from edge.tags.looks import IN_TURN

FORMATS = ("Code128", "EAN13", "QRCode", "DataMatrix")
TEXTS = {"Code128": "PARCEL-0042", "EAN13": "4006381333931", "QRCode": "NV-588225-92", "DataMatrix": "UT51056714"}


def frame_with(symbology: str, text: str, module_px: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return a grey frame (400, 800, 3) with a code in it, and the code's box (4,)."""
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, symbology))
    picture = np.asarray(code.to_image(scale=module_px, add_quiet_zones=True))
    if picture.ndim == 3:
        picture = picture[:, :, 0]
    if picture.shape[0] < 40:
        picture = cv2.resize(picture, (picture.shape[1], 60), interpolation=cv2.INTER_NEAREST)
    frame = np.full((400, 800, 3), 128, np.uint8)
    top, left = 80, 150
    frame[top : top + picture.shape[0], left : left + picture.shape[1]] = picture[:, :, None]
    return frame, np.array([left, top, left + picture.shape[1], top + picture.shape[0]], np.float32)


@pytest.mark.parametrize("symbology", FORMATS)
@pytest.mark.parametrize("look", range(len(IN_TURN)))
def test_a_code_is_read_at_each_kind_of_look(symbology: str, look: int):
    frame, box = frame_with(symbology, TEXTS[symbology])
    reads = CodeReader(FORMATS).read(cut(frame, box), look)
    assert [(read.text, read.symbology) for read in reads] == [(TEXTS[symbology], symbology)]
    middle = (box[:2] + box[2:]) / 2
    assert abs(reads[0].x - middle[0]) < 12
    assert abs(reads[0].y - middle[1]) < 12


def test_nothing_is_read_where_nothing_is():
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    assert CodeReader(FORMATS).read(cut(noise, np.array([0, 0, 300, 200], np.float32)), 0) == []


def test_only_the_configured_symbologies_are_read():
    frame, box = frame_with("QRCode", "X1")
    assert CodeReader(("EAN13",)).read(cut(frame, box), 0) == []


def test_a_piece_at_the_frames_edge_is_cut_to_it():
    piece = cut(np.zeros((100, 100, 3), np.uint8), np.array([-5, 90, 300, 130], np.float32))
    assert piece.gray.shape[0] <= 100
    assert (piece.left, piece.top) == (0, 75)


def test_an_unknown_symbology_is_named_with_those_allowed():
    with pytest.raises(EdgekitError, match=r"unknown symbology 'Code129'; allowed: .*Code128"):
        CodeReader(("Code129",))

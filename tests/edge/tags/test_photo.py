"""A photo's looks vote: faint codes are read, what one look alone reads of a linear code is not told."""

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from edge.tags.codes import CodeRead, CodeReader, Piece
from edge.tags.looks import AT_ONCE, IN_TURN, Look, Treatment
from edge.tags.photo import PhotoReader


def photo_of(symbology: str, text: str, *, module_px: int = 3) -> NDArray[np.uint8]:
    """Return a grey photo (300, 600, 3) with a code in its middle."""
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, symbology))
    picture = np.asarray(code.to_image(scale=module_px, add_quiet_zones=True))
    picture = picture[:, :, 0] if picture.ndim == 3 else picture
    if picture.shape[0] < 40:
        picture = cv2.resize(picture, (picture.shape[1], 80), interpolation=cv2.INTER_NEAREST)
    photo = np.full((300, 600, 3), 140, np.uint8)
    top, left = (300 - picture.shape[0]) // 2, (600 - picture.shape[1]) // 2
    photo[top : top + picture.shape[0], left : left + picture.shape[1]] = picture[:, :, None]
    return photo


@pytest.mark.parametrize(("symbology", "text"), [("EAN13", "4006381333931"), ("QRCode", "A-1"), ("Code128", "BOX 7")])
def test_a_clear_code_is_read_with_its_place(symbology: str, text: str):
    (found,) = PhotoReader(("All",)).read(photo_of(symbology, text))
    assert (found.text, found.symbology) == (text, symbology)
    assert abs(found.x - 300) < 12
    assert abs(found.y - 150) < 12
    assert found.looks >= 2


@pytest.mark.parametrize("shape", [(1, 30_000, 3), (30_000, 1, 3), (1, 1, 3), (2, 5_000, 3)])
def test_a_photo_of_a_single_row_or_column_has_no_code(shape: tuple[int, int, int]):
    assert PhotoReader(("All",)).read(np.zeros(shape, np.uint8)) == []


def test_a_faint_noisy_code_that_the_defaults_cannot_read_is_read():
    rng = np.random.default_rng(4)
    faint = photo_of("EAN13", "4006381333931", module_px=2).astype(np.float64) * 0.25 + 60
    # Light that falls off from one side to the other, more than the code's own contrast.
    faint += np.linspace(0, 110, 600)[None, :, None] + rng.normal(0, 9, (300, 600, 1))
    photo = np.clip(faint, 0, 255).astype(np.uint8)
    assert zxingcpp.read_barcodes(photo) == []
    assert [found.text for found in PhotoReader(("EAN13",)).read(photo)] == ["4006381333931"]


def test_a_linear_text_of_one_look_is_not_told_and_a_guarded_one_is(monkeypatch: pytest.MonkeyPatch):
    once = {AT_ONCE[0]: [CodeRead("4006381333931", "EAN13", 10, 10), CodeRead("A-1", "QRCode", 200, 10)]}

    def read_as(_self: CodeReader, look: Look, _piece: Piece) -> list[CodeRead]:
        return once.get(look, [])

    monkeypatch.setattr(CodeReader, "read_as", read_as)
    assert [found.text for found in PhotoReader(("All",)).read(photo_of("QRCode", "A-1"))] == ["A-1"]


def test_looks_that_contradict_one_another_tell_nothing(monkeypatch: pytest.MonkeyPatch):
    texts = iter(["4006381333931", "4006381333931", "9074932437075", "9074932437075", "", ""])

    def read_as(_self: CodeReader, _look: Look, _piece: Piece) -> list[CodeRead]:
        text = next(texts)
        return [CodeRead(text, "EAN13", 100, 100)] if text else []

    monkeypatch.setattr(CodeReader, "read_as", read_as)
    assert PhotoReader(("All",)).read(photo_of("QRCode", "A-1")) == []


def test_nothing_is_read_where_nothing_is():
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    assert PhotoReader(("All",)).read(noise) == []


def test_a_photo_larger_than_any_sensor_is_reduced_and_places_stay_those_of_the_photo():
    large = cv2.resize(photo_of("QRCode", "A-1"), (6000, 3000), interpolation=cv2.INTER_NEAREST)
    (found,) = PhotoReader(("QRCode",)).read(np.asarray(large, np.uint8))
    assert abs(found.x - 3000) < 60
    assert abs(found.y - 1500) < 60


@pytest.mark.parametrize("look", {*AT_ONCE, *IN_TURN})
def test_every_look_keeps_the_shape_times_its_scale_also_of_a_sliver(look: Look):
    for shape in ((120, 200), (1, 200), (200, 1)):
        shown = look.of(np.full(shape, 90, np.uint8))
        assert shown.dtype == np.uint8
        assert shown.shape == (round(shape[0] * look.scale), round(shape[1] * look.scale))


def test_averaging_goes_along_the_bars_whichever_way_they_stand():
    bars = np.tile(np.repeat(np.array([0, 255], np.uint8), 4), (64, 8))
    look = Look(Treatment.AVERAGE)
    assert (look.of(bars) == bars).all()
    lying = np.ascontiguousarray(bars.T)
    assert (look.of(lying) == lying).all()

"""Pixels a module are measured from the picture, and advice follows the measures by which a no-read gets its reason."""

from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp

from edge.tags.aiming import AimingEye, module_px
from edge.tags.ballot import LEAST_MODULE_PX

FORMATS = ("Code128", "EAN13", "QRCode", "DataMatrix")
TEXTS = {"EAN13": "4006381333931"}
EYE = AimingEye(FORMATS)


def picture(symbology: str, module: int, *, angle: float = 0.0, blur: float = 0.0, white: int = 230) -> Any:
    barcode = zxingcpp.create_barcode(TEXTS.get(symbology, "PARCEL-12345"), getattr(zxingcpp.BarcodeFormat, symbology))
    code = np.minimum(np.asarray(barcode.to_image(scale=module, add_quiet_zones=True)), white)
    side = max(code.shape) + 120
    turn = cv2.getRotationMatrix2D((code.shape[1] / 2, code.shape[0] / 2), angle, 1)
    turn[:, 2] += (side / 2 - code.shape[1] / 2, side / 2 - code.shape[0] / 2)
    image = cv2.warpAffine(code, turn, (side, side), flags=cv2.INTER_CUBIC, borderValue=(white, white, white))
    image = cv2.GaussianBlur(image, (0, 0), blur) if blur else image
    return cv2.cvtColor(np.asarray(image, np.uint8), cv2.COLOR_GRAY2BGR)


@pytest.mark.parametrize("symbology", FORMATS)
@pytest.mark.parametrize(("module", "angle", "blur"), [(3, 0, 0), (4, 90, 0.8), (5, 12, 0.8), (4, 0, 1.2)])
def test_pixels_a_module_are_those_of_the_code_within_a_tenth(symbology: str, module: int, angle: float, blur: float):
    codes = EYE.look(picture(symbology, module, angle=angle, blur=blur)).codes
    assert codes, "not read"
    assert codes[0].module_px == pytest.approx(module, rel=0.1)
    assert codes[0].text == TEXTS.get(symbology, "PARCEL-12345")


def test_a_sharp_code_of_good_size_needs_no_advice_and_a_dazzled_one_says_so():
    assert EYE.look(picture("Code128", 3)).codes[0].advice is None
    advice = EYE.look(picture("Code128", 3, white=255)).codes[0].advice
    assert advice is not None
    assert advice.startswith("glare")


def test_a_code_below_the_least_module_says_to_come_nearer():
    small = picture("QRCode", 4)
    small = cv2.resize(small, None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA)
    codes = EYE.look(np.asarray(small, np.uint8)).codes
    assert codes
    assert codes[0].module_px < LEAST_MODULE_PX
    assert codes[0].advice is not None
    assert codes[0].advice.startswith("too small")


def test_focus_falls_as_the_picture_blurs_also_where_nothing_can_be_read():
    sharp, soft, softer = (EYE.look(picture("EAN13", 4, blur=blur)).sharpness for blur in (0.5, 2.0, 4.0))
    assert sharp > soft > softer > 0


def test_an_empty_picture_has_no_codes_and_no_modules():
    aim = EYE.look(np.full((90, 160, 3), 128, np.uint8))
    assert aim.codes == ()
    assert module_px(np.full((90, 160), 128, np.uint8), ((10, 10), (100, 10), (100, 50), (10, 50))) == 0
    assert module_px(np.full((90, 160), 128, np.uint8), ((10, 10), (10, 10), (10, 10), (10, 10))) == 0

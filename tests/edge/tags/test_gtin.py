"""One article has one number, whichever symbology carries it."""

import pytest
import zxingcpp
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.tags.gtin import gtin_of


def with_check_digit(digits: str) -> str:
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


@given(st.text("0123456789", min_size=11, max_size=11))
def test_a_upc_a_is_the_ean_13_with_a_leading_zero(digits: str):
    code = with_check_digit(digits)
    assert gtin_of(code, "UPCA") == gtin_of("0" + code, "EAN13") == "00" + code


@given(st.text("0123456789", min_size=13, max_size=13))
def test_a_databar_is_its_number_with_and_without_its_application_identifier(digits: str):
    code = with_check_digit(digits)
    assert gtin_of(code, "DataBar") == gtin_of("01" + code, "DataBarOmni") == gtin_of("(01)" + code, "DataBar") == code


@given(st.text("0123456789", min_size=6, max_size=6))
def test_a_upc_e_is_as_wide_as_the_reader_of_zxing_takes_it_to_be(digits: str):
    # Some of these digits are written in another way; zxing-cpp's writer knows which.
    assume(not (digits[5] == "3" and digits[2] in "012") and not (digits[5] == "4" and digits[3] == "0"))
    assume(not (digits[5] in "56789" and digits[4] == "0"))
    barcode = zxingcpp.create_barcode("0" + digits, zxingcpp.BarcodeFormat.UPCE)
    assert gtin_of(barcode.text, "UPCE") is not None


@pytest.mark.parametrize(
    ("text", "symbology"),
    [
        ("4006381333932", "EAN13"),
        ("4006381333931", "Code128"),
        ("", "EAN13"),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", "EAN13"),
        ("0", "UPCA"),
    ],
)
def test_what_is_no_article_number_has_none(text: str, symbology: str):
    assert gtin_of(text, symbology) is None


def test_a_known_upc_e_is_widened():
    assert gtin_of("04252614", "UPCE") == "00042100005264"

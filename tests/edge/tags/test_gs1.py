"""Element strings come apart as they were put together, and what breaks a rule gives nothing."""

from datetime import date, timedelta

import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from edge.tags.gs1 import IDENTIFIERS, SEPARATOR, Form, Identifier, check_digit, elements_of

TODAY = date(2026, 11, 24)


def said(text: str) -> dict[str, str] | None:
    elements = elements_of(text, TODAY)
    return None if elements is None else {element.key: element.value for element in elements}


@pytest.mark.parametrize("symbology", ["Code128", "DataMatrix", "QRCode", "DataBarExp"])
def test_what_a_printed_label_says_is_read_off_a_picture_of_it(symbology: str):
    label = "(01)04006381333931(3103)001250(17)271200(10)AB-1"
    code = zxingcpp.create_barcode(label, getattr(zxingcpp.BarcodeFormat, symbology), gs1=True)
    picture = np.repeat(np.asarray(code.to_image(scale=3, add_quiet_zones=True)), 1, axis=0)
    (found,) = zxingcpp.read_barcodes(np.ascontiguousarray(picture), text_mode=zxingcpp.TextMode.Plain)
    assert found.content_type == zxingcpp.ContentType.GS1
    assert said(found.text) == {
        "gtin": "04006381333931",
        "net_weight_kg": "1.250",
        "expiry": "2027-12-31",
        "batch": "AB-1",
    }


def value_of(known: Identifier) -> st.SearchStrategy[str]:
    digits = st.text("0123456789", min_size=known.least, max_size=known.most)
    match known.form:
        case Form.WORD:
            return st.text("ABCxyz0129-/.", min_size=known.least, max_size=known.most)
        case Form.CHECKED:
            return digits.map(lambda value: value[:-1] + check_digit(value[:-1]))
        case Form.DATE:
            return st.dates(TODAY - timedelta(days=15_000), TODAY + timedelta(days=15_000)).map(
                lambda day: day.strftime("%y%m%d")
            )
        case _:
            return digits


@given(st.data(), st.lists(st.sampled_from(IDENTIFIERS), min_size=1, max_size=6, unique=True))
def test_elements_come_apart_in_any_order_with_separators_behind_all(data: st.DataObject, chosen: list[Identifier]):
    parts = [(known, data.draw(value_of(known))) for known in chosen]
    text = "".join(
        known.prefix + ("1" if known.digits > len(known.prefix) else "") + value + SEPARATOR for known, value in parts
    )
    elements = elements_of(text, TODAY)
    assert elements is not None
    assert [element.key for element in elements] == [known.key for known, _ in parts]
    for element, (known, value) in zip(elements, parts, strict=True):
        if known.form in (Form.WORD, Form.CHECKED, Form.DIGITS):
            assert element.value == value
        if known.form is Form.DATE:
            assert element.value[2:].replace("-", "") == value


@given(st.text(max_size=60))
def test_any_text_gives_elements_or_nothing_and_never_a_fault(text: str):
    elements = elements_of(text, TODAY)
    assert elements is None or all(element.value for element in elements)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0104006381333932",  # the check digit
        "010400638133393",  # too short
        "17271301",  # a thirteenth month
        "17270230",  # a thirtieth of February
        "10",  # a batch without a word
        "10AB\x1d10CD",  # two batches
        "10" + "A" * 21,  # too long
        "10Ä",  # a letter that no element may have
        "88123",  # nobody knows this identifier
        "3109123456",  # nine decimals of six digits
        "01" + "\u0664" * 14,  # digits, but not these
    ],
)
def test_what_breaks_a_rule_gives_nothing(text: str):
    assert elements_of(text, TODAY) is None


@pytest.mark.parametrize(
    ("digits", "day"),
    [("770101", "1977-01-01"), ("760101", "2076-01-01"), ("240229", "2024-02-29"), ("280200", "2028-02-29")],
)
def test_the_century_is_the_nearer_one_and_day_nought_the_last_of_its_month(digits: str, day: str):
    assert said("17" + digits) == {"expiry": day}


def test_amounts_carry_their_point_and_their_currency():
    assert said("3922" + "1299") == {"price": "12.99"}
    assert said("3932" + "978" + "1299") == {"price_with_currency": "12.99 978"}
    assert said("3920" + "0012") == {"price": "12"}

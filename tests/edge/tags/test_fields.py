"""Printed fields in one form each, and absent wherever a text could mean two things."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.tags.field_reader import FieldReader
from edge.tags.fields import normalised


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("price", "€ 4.99", "4.99 EUR"),
        ("price", "4,99 €", "4.99 EUR"),
        ("price", "£5.49", "5.49 GBP"),
        ("price", "CHF 1'299.00", None),
        ("price", "1.299,00 EUR", "1299.00 EUR"),
        ("price", "0.99", "0.99"),
        ("price", "9999", None),  # a point that was not seen would make it a hundred times as dear
        ("price", "1.299", None),
        ("price", "1.299.00", None),
        ("price", "€ 4.99 €", None),
        ("price", "4.9O", None),
        ("date", "2026-11-25", "2026-11-25"),
        ("date", "25.11.2026", "2026-11-25"),
        ("date", "25/11/2026", "2026-11-25"),
        ("date", "05/11/2026", None),  # of May or of November
        ("date", "05.11.2026", "2026-11-05"),
        ("date", "31.12.26", None),  # 2026-12-31 or 2031-12-26
        ("date", "11/11/2026", "2026-11-11"),
        ("date", "30.02.2026", None),
        ("date", "soon", None),
        ("date", "BEST BEFORE: 25.11.2026", "2026-11-25"),
        ("date", "BESTBEFORE2026-11-25", "2026-11-25"),
        ("date", "EXP 31.12.26", None),
        ("date", "MHD 05.11.2026", "2026-11-05"),
        ("date", "USE BY 03/2027", "2027-03"),
        ("date", "2027-03", "2027-03"),
        ("date", "13/2027", None),
        ("date", "MAR 2027", "2027-03"),
        ("date", "12 MAR 2027", "2027-03-12"),
        ("date", "12MRZ2027", "2027-03-12"),
        ("date", "31 FEB 2027", None),
        ("date", "12 MAR 27", None),  # 2027-03-12 or 2012-03-27
        ("date", "12 MEI 2027", None),  # a month that is not known here
        ("date", "BEST BEFORE", None),
        ("batch", "LOT: ab-1207", "AB-1207"),
        ("batch", "L 4711", "4711"),
        ("batch", "4711", None),
        ("name", "  Oat   Milk 1 l ", "Oat Milk 1 l"),
        ("name", "Gherkins 2 \u00d7 100 g", "Gherkins 2 x 100 g"),
        ("name", "Family Green Tea 1 1", None),  # of a litre, whose unit was taken for a one
        ("name", "Hand Cream 11", None),
        ("name", "Organic Olive Oil 6 x 33", None),  # its unit is hidden
        ("name", "Extra Cane Sugar 6 x3", None),
        ("name", "Organic Honey 6 x 33 d", None),  # of cl
        ("name", "Cane Sugar 500g", "Cane Sugar 500g"),
        ("brand", "7", None),
    ],
)
def test_a_field_has_one_form_or_none(field: str, text: str, value: str | None) -> None:
    assert normalised(field, text) == value


def test_an_unknown_field_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no field 'colour'"):
        normalised("colour", "red")


def label(text: str, scale: float = 1.0) -> np.ndarray:
    """Return a picture (60, 320, 3) with a printed line."""
    picture = np.full((60, 320, 3), 230, np.uint8)
    cv2.putText(picture, text, (10, 40), cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 2, cv2.LINE_AA)
    return picture


WHOLE = np.array([4, 4, 316, 56], np.float32)


def test_printed_fields_are_read_and_what_is_none_is_absent() -> None:
    reader = FieldReader()
    price = reader.read(label("EUR 12.49"), "price", WHOLE)
    assert price is not None
    assert (price.field, price.value) == ("price", "12.49 EUR")
    assert 0.9 <= price.score <= 1.0
    assert reader.read(label("Oat Milk"), "price", WHOLE) is None
    assert reader.read(label(""), "name", WHOLE) is None
    noise = np.random.default_rng(0).integers(0, 255, (60, 320, 3), dtype=np.uint8)
    assert reader.read(noise, "name", WHOLE) is None
    assert reader.read(label("EUR 12.49")[:, 74:], "price", np.array([0, 4, 242, 56], np.float32)) is None  # cut off
    assert reader.read(label("x"), "name", np.array([400, 0, 500, 60], np.float32)) is None


def test_it_reads_without_network_writes_nothing_at_home_and_needs_no_torch(tmp_path: Path) -> None:
    program = """
import socket, sys
def refuse(*_arguments, **_options):
    raise OSError("no network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import cv2, numpy as np
from edge.tags.field_reader import FieldReader
picture = np.full((60, 320, 3), 230, np.uint8)
cv2.putText(picture, "EUR 12.49", (10, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 20), 2, cv2.LINE_AA)
print(FieldReader().read(picture, "price", np.array([4, 4, 316, 56], np.float32)).value, "torch" in sys.modules)
"""
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=110, check=False, env=environment
    )
    assert done.stdout.strip() == "12.49 EUR False", done.stderr
    assert list(tmp_path.iterdir()) == []

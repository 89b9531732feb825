"""Real codes: what they say is drawn from the seed, how they look is drawn by zxing-cpp's writer."""

import string
from dataclasses import dataclass
from enum import Enum

import numpy as np
import zxingcpp

from train.synth.arrays import Image


class Symbology(str, Enum):
    """Kinds of codes that the renderer prints; values are the names that zxing-cpp gives them, without blanks."""

    CODE_128 = "Code128"
    EAN_13 = "EAN13"
    QR = "QRCode"
    DATA_MATRIX = "DataMatrix"

    @property
    def linear(self) -> bool:
        """Whether it consists of bars."""
        return self in (Symbology.CODE_128, Symbology.EAN_13)


FORMATS = {
    Symbology.CODE_128: zxingcpp.BarcodeFormat.Code128,
    Symbology.EAN_13: zxingcpp.BarcodeFormat.EAN13,
    Symbology.QR: zxingcpp.BarcodeFormat.QRCode,
    Symbology.DATA_MATRIX: zxingcpp.BarcodeFormat.DataMatrix,
}
QUIET_MODULES = {Symbology.CODE_128: 10, Symbology.EAN_13: 11, Symbology.QR: 4, Symbology.DATA_MATRIX: 3}


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """A code to print: modules (rows, columns) uint8, 0 black and 255 white; a linear code has one row."""

    symbology: Symbology
    text: str
    modules: Image

    @property
    def columns(self) -> int:
        """Modules from the first to the last, without quiet zones."""
        return self.modules.shape[1]


def make_code(symbology: Symbology, text: str) -> Code:
    """Draw a code.

    Raises:
        ValueError: The symbology cannot say this text (zxing-cpp's own message).
    """
    barcode = zxingcpp.create_barcode(text, FORMATS[symbology])
    drawn = zxingcpp.write_barcode_to_image(barcode, scale=1, add_quiet_zones=False)
    modules = np.array(drawn, dtype=np.uint8)
    return Code(symbology, text, modules[:1] if symbology.linear else modules)


def random_text(rng: np.random.Generator, symbology: Symbology) -> str:
    """Return a text such as a warehouse prints, short enough for at most 90 (Code 128) or 95 modules (EAN-13)."""
    match symbology:
        case Symbology.EAN_13:
            return with_check_digit("".join(str(digit) for digit in rng.integers(0, 10, 12)))
        case Symbology.CODE_128:
            if rng.random() < 0.5:
                return _digits(rng, 10)
            return _letters(rng, 1) + _digits(rng, 6)
        case Symbology.QR:
            return f"{_letters(rng, 2)}-{_digits(rng, 6)}-{_digits(rng, 2)}"
        case Symbology.DATA_MATRIX:
            return f"{_letters(rng, 2)}{_digits(rng, 8)}"


def with_check_digit(digits: str) -> str:
    """Return twelve digits with their EAN-13 check digit. Source: GS1 General Specifications, 7.9.1."""
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits))
    return digits + str(-total % 10)


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(str(digit) for digit in rng.integers(0, 10, count))


def _letters(rng: np.random.Generator, count: int) -> str:
    return "".join(string.ascii_uppercase[index] for index in rng.integers(0, 26, count))

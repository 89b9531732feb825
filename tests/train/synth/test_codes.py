"""Printed codes are real: what is drawn is read back by a reader that knows nothing of how it was drawn."""

import numpy as np
import pytest
import zxingcpp

from train.synth.codes import Symbology, make_code, random_text, with_check_digit


@pytest.mark.parametrize("symbology", list(Symbology))
@pytest.mark.parametrize("seed", range(3))
def test_a_generated_code_says_its_text(symbology: Symbology, seed: int):
    text = random_text(np.random.default_rng(seed), symbology)
    code = make_code(symbology, text)
    rows = 40 if symbology.linear else 4
    drawn = np.repeat(np.repeat(code.modules, 4, axis=1), rows, axis=0)
    picture = np.pad(drawn, 60, constant_values=255)
    (read,) = zxingcpp.read_barcodes(picture)
    assert read.text == text == code.text
    assert code.columns >= 10


def test_check_digits_are_those_of_the_standard():
    assert with_check_digit("400638133393") == "4006381333931"
    assert with_check_digit("000000000000") == "0000000000000"

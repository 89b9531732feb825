"""What others made shows on one line, whatever is in it."""

from hypothesis import given
from hypothesis import strategies as st

from edge.printable import printable


def test_line_ends_and_controls_show_as_escapes_and_letters_stay():
    assert printable("Größe 3\n2026 ERROR all is lost\x1d\x1b[2J") == "Größe 3\\n2026 ERROR all is lost\\x1d\\x1b[2J"


@given(st.text())
def test_every_text_is_shown_on_one_line(text: str):
    assert printable(text).isprintable()

"""Texts that others made, shown on one line: a code that holds a line end must not forge a line of a log."""


def printable(text: str) -> str:
    """Return a text with every character that is not for print written as an escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)

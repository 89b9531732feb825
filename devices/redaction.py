"""Texts without passwords: what a box says of a camera or a broker goes into logs that others read."""

import re

# A password may hold an @ itself: everything up to the last one of the word is taken for credentials.
_CREDENTIALS = re.compile(r"(?<=://)\S*@")


def redact(text: str) -> str:
    """Return a text without the user and password of any URL in it."""
    return _CREDENTIALS.sub("***@", text)

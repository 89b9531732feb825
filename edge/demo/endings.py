"""Endings that a saved picture's name may have."""

from pathlib import Path

from devices.errors import EdgekitError

ENDINGS = (".jpg", ".png", ".webp")


def require_ending(picture: Path) -> None:
    """Refuse a name of which no picture's form can be told.

    Raises:
        EdgekitError: It has another ending.
    """
    if picture.suffix not in ENDINGS:
        raise EdgekitError(f"{picture}: the picture's name has to end in one of {', '.join(ENDINGS)}")

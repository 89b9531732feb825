"""Reads codes in pieces of a frame; each look at a piece is one call of the reader, so that its cost has a bound."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.tags.looks import IN_TURN, SMALL_PX, Gray, Look

_GS1 = zxingcpp.ContentType.GS1
_MARGIN_SHARE = 0.12
_MARGIN_PX = 10


@dataclass(frozen=True, slots=True)
class CodeRead:
    """A text that was read.

    Attributes:
        text: What the code says; product codes as the digits of their GTIN.
        symbology: As zxing-cpp names it.
        x: Of the code's middle, pixels of the frame.
        y: Of the code's middle, pixels of the frame.
        gs1: Whether the code says of itself that its text is a GS1 element string.
        sound: Whether its checksum holds; where it does not the text says why nothing was read, and nothing else.
    """

    text: str
    symbology: str
    x: float
    y: float
    gs1: bool = False
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a frame in which a code may be.

    Attributes:
        gray: (H, W) uint8.
        left: Column of the frame at which it begins.
        top: Row of the frame at which it begins.
    """

    gray: Gray
    left: int
    top: int


def cut(image: NDArray[np.uint8], xyxy: NDArray[np.float32], *, margin: bool = True) -> Piece:
    """Cut a box out of a frame (H, W, 3) uint8 BGR, with room for the code's quiet zone where asked for."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (float(value) for value in xyxy)
    room_x, room_y = (
        ((x1 - x0) * _MARGIN_SHARE + _MARGIN_PX, (y1 - y0) * _MARGIN_SHARE + _MARGIN_PX) if margin else (0.0, 0.0)
    )
    left, top = max(0, int(x0 - room_x)), max(0, int(y0 - room_y))
    right, bottom = min(width, int(x1 + room_x) + 1), min(height, int(y1 + room_y) + 1)
    gray = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
    return Piece(np.asarray(gray, np.uint8), left, top)


def formats_of(names: Sequence[str]) -> zxingcpp.BarcodeFormats:
    """Return symbologies by their names, as zxing-cpp spells them.

    Raises:
        EdgekitError: A name is unknown.
    """
    wanted: list[zxingcpp.BarcodeFormat] = []
    for name in names:
        known = zxingcpp.BarcodeFormat.__members__.get(name)
        if known is None:
            allowed = ", ".join(sorted(zxingcpp.BarcodeFormat.__members__))
            raise EdgekitError(f"formats in [codes] names the unknown symbology {name!r}; allowed: {allowed}")
        wanted.append(known)
    return zxingcpp.BarcodeFormats(wanted)


class CodeReader:
    """Reads the configured symbologies.

    Args:
        formats: Their names, as zxing-cpp spells them.

    Raises:
        EdgekitError: A name is unknown.
    """

    def __init__(self, formats: Sequence[str]) -> None:
        self._formats = formats_of(formats)

    def read(self, piece: Piece, turn: int) -> list[CodeRead]:
        """Look once at a piece.

        Args:
            piece: Where to look.
            turn: 0 for the first look at a code, counting up; each looks in another way.

        Returns:
            Every text whose checksum holds, and texts of linear codes whose does not, marked as not sound.
        """
        look = IN_TURN[turn % len(IN_TURN)]
        if min(piece.gray.shape) >= SMALL_PX:
            look = replace(look, scale=1.0)
        return self.read_as(look, piece, unsound=True)

    def read_as(self, look: Look, piece: Piece, *, unsound: bool = False) -> list[CodeRead]:
        """Look once at a piece in a given way; return every text whose checksum holds.

        Args:
            look: The way.
            piece: Where to look.
            unsound: Return texts of linear codes whose checksum does not hold too. A matrix code has none that a
                printer could get wrong: where its errors cannot be corrected it is damaged, and has no text.
        """
        found = zxingcpp.read_barcodes(
            look.of(piece.gray),
            formats=self._formats,
            binarizer=look.binarizer,
            try_invert=False,
            try_downscale=False,
            text_mode=zxingcpp.TextMode.Plain,
            return_errors=unsound,
        )
        reads: list[CodeRead] = []
        for code in found:
            wrong_checksum = code.error is not None and code.error.type == zxingcpp.ErrorType.Checksum
            if not code.text or not (code.valid or wrong_checksum):
                continue
            corners = code.position
            points = (corners.top_left, corners.top_right, corners.bottom_right, corners.bottom_left)
            x = sum(point.x for point in points) / 4 / look.scale + piece.left
            y = sum(point.y for point in points) / 4 / look.scale + piece.top
            reads.append(CodeRead(code.text, code.format.name, x, y, code.content_type == _GS1, code.valid))
        return reads

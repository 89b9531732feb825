"""What it costs to decode a picture, told by its bytes: who decodes what strangers send has to know it before."""

import re
from dataclasses import dataclass

from devices.errors import EdgekitError

_JPEG, _PNG, _RIFF = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"
_MARKER = re.compile(rb"\xff([^\x00\xff])")  # decoders pass over what else is between two segments
_MOST_SEGMENTS = 1024  # of a JPEG before its frame; cameras write a handful
_MOST_SCANS = 100  # of a JPEG: encoders write about ten, and each costs a pass over the whole picture
# The marker after a scan, whose own bytes hold stuffed zeros and restarts; like these TEM has no length.
_NEXT = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_SCAN, _END = 0xDA, 0xD9
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers of JPEG without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # those that begin a frame and tell its size


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What the header of a coded picture says.

    Attributes:
        content_type: `image/jpeg`, `image/png` or `image/webp`.
        width: Columns.
        height: Rows.
    """

    content_type: str
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Columns times rows."""
        return self.width * self.height


def read_header(content: bytes) -> PictureHeader:
    """Return what a coded picture's header says; nothing is decoded.

    Raises:
        EdgekitError: It is no JPEG, PNG or WebP, it is cut off, or it is a JPEG of more scans than any encoder writes.

    Source: ITU-T T.81 (JPEG) B.2.2, W3C PNG 11.2.2, RFC 9649 (WebP) 2.5 to 2.7.
    """
    try:
        if content.startswith(_JPEG):
            return _jpeg(content)
        if content.startswith(_PNG) and content[12:16] == b"IHDR":
            return PictureHeader("image/png", _number(content, 16, 4), _number(content, 20, 4))
        if content.startswith(_RIFF) and content[8:12] == b"WEBP":
            return _webp(content)
    except IndexError:
        raise EdgekitError("the picture is cut off") from None
    raise EdgekitError("this is no JPEG, PNG or WebP picture")


def _number(content: bytes, begin: int, size: int, *, little: bool = False) -> int:
    if begin + size > len(content):
        raise IndexError
    return int.from_bytes(content[begin : begin + size], "little" if little else "big")


def _jpeg(content: bytes) -> PictureHeader:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.search(content, at)
        if found is None:
            raise IndexError
        marker, at = found[1][0], found.end()
        if marker in _FRAMES:
            _check_scans(content, at + _number(content, at, 2))
            return PictureHeader("image/jpeg", _number(content, at + 5, 2), _number(content, at + 3, 2))
        if marker not in _STANDALONE:
            at += _number(content, at, 2)
    raise EdgekitError("the picture's header is longer than any camera's")


def _check_scans(content: bytes, at: int) -> None:
    """Walk from a JPEG's frame to its end.

    Raises:
        IndexError: It has no end.
        EdgekitError: It has too many scans.
    """
    scans = 0
    while scans <= _MOST_SCANS:
        found = _NEXT.search(content, at)
        if found is None:
            raise IndexError
        marker, at = found[1][0], found.end()
        if marker == _END:
            return
        scans += marker == _SCAN
        at += _number(content, at, 2)
    raise EdgekitError(f"the picture has more than {_MOST_SCANS} scans, more than any camera's")


def _webp(content: bytes) -> PictureHeader:
    match content[12:16]:
        case b"VP8X":  # the canvas, which its one picture fills
            sides = (_number(content, begin, 3, little=True) + 1 for begin in (24, 27))
        case b"VP8L":
            bits = _number(content, 21, 4, little=True)
            sides = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8 ":
            sides = (_number(content, begin, 2, little=True) & 0x3FFF for begin in (26, 28))
        case _:
            raise EdgekitError("this WebP picture begins with an unknown part")
    width, height = sides
    return PictureHeader("image/webp", width, height)

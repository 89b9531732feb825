"""Reading a single photo: no second frame will come, so several looks at the same picture vote instead."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.tags.codes import CodeRead, CodeReader, Piece
from edge.tags.looks import AT_ONCE, Gray

AGREEING_LOOKS = 2
LEAD = 2  # times as many looks as any other text at the same place
# Reed-Solomon guards every symbol of these; one look is proof enough. A linear code has a check digit at best.
_GUARDED = (
    "QRCode",
    "MicroQRCode",
    "RMQRCode",
    "DataMatrix",
    "Aztec",
    "PDF417",
    "CompactPDF417",
    "MicroPDF417",
    "MaxiCode",
)
_SAME_PLACE = 0.1  # of the picture's longer side
_MOST_PX = 4096  # of the longer side; larger photos are reduced to it


@dataclass(frozen=True, slots=True)
class PhotoText:
    """A text that stands on a photo.

    Attributes:
        text: What the code says.
        symbology: As zxing-cpp names it.
        x: Of the code's middle, pixels.
        y: Of the code's middle, pixels.
        looks: How many looks read it.
    """

    text: str
    symbology: str
    x: float
    y: float
    looks: int


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """What the code readers need of a picture: a third of its bytes at most.

    Attributes:
        gray: (H, W) uint8, no longer than `_MOST_PX`.
        reduced: Its size as a share of the picture's.
    """

    gray: Gray
    reduced: float

    @classmethod
    def of(cls, image: NDArray[np.uint8]) -> "Photo":
        """Return a picture (H, W, 3) uint8 BGR as code readers see it."""
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        reduced = min(1.0, _MOST_PX / max(gray.shape))
        if reduced < 1:
            height, width = (max(1, round(side * reduced)) for side in gray.shape)  # one may be a single pixel
            gray = np.asarray(cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return cls(gray, reduced)


class PhotoReader:
    """Reads all codes of single photos.

    Args:
        formats: Names of the symbologies to look for, as zxing-cpp spells them.

    Raises:
        EdgekitError: A name is unknown.
    """

    def __init__(self, formats: Sequence[str]) -> None:
        self._reader = CodeReader(formats)

    def read(self, image: NDArray[np.uint8]) -> list[PhotoText]:
        """Return the texts on a photo (H, W, 3) uint8 BGR that its looks agree on, most agreed on first."""
        return self.read_photo(Photo.of(image))

    def read_photo(self, photo: Photo) -> list[PhotoText]:
        """Return the texts on a photo that its looks agree on, most agreed on first, in pixels of the picture."""
        piece, within_px, reduced = Piece(photo.gray, 0, 0), _SAME_PLACE * max(photo.gray.shape), photo.reduced
        found: list[PhotoText] = []
        for look in AT_ONCE:
            for read in self._reader.read_as(look, piece):
                _count(found, read, within_px)
        sure = [text for text in found if _is_sure(text, found, within_px)]
        sure.sort(key=lambda text: -text.looks)
        return [PhotoText(text.text, text.symbology, text.x / reduced, text.y / reduced, text.looks) for text in sure]


def _near(text: PhotoText, x: float, y: float, within_px: float) -> bool:
    return abs(text.x - x) < within_px and abs(text.y - y) < within_px


def _count(found: list[PhotoText], read: CodeRead, within_px: float) -> None:
    for place, text in enumerate(found):
        if (text.text, text.symbology) == (read.text, read.symbology) and _near(text, read.x, read.y, within_px):
            found[place] = PhotoText(text.text, text.symbology, text.x, text.y, text.looks + 1)
            return
    found.append(PhotoText(read.text, read.symbology, read.x, read.y, 1))


def _is_sure(text: PhotoText, found: Sequence[PhotoText], within_px: float) -> bool:
    rivals = [other.looks for other in found if other.text != text.text and _near(other, text.x, text.y, within_px)]
    enough = 1 if text.symbology.startswith(_GUARDED) else AGREEING_LOOKS
    return text.looks >= enough and text.looks >= LEAD * max(rivals, default=0)

"""A picture as its decoder left it: brightness is there at once, BGR is made when somebody asks, once.

A detector needs no BGR of the picture's own size: the planes are scaled one by one, and what is small becomes BGR.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from edge.model.geometry import Bgr, scale
from edge.video.colours import bgr_matrix

Image = NDArray[np.uint8]
Cover = Callable[[Image, int], None]  # a picture or one of its planes, and the value that is black in it
_BYTE_BITS = 8
_NO_COLOUR = 128


class Conversion:
    """Turns one source's decoded pictures into BGR; tables are made once, not for each picture."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reformatter = VideoReformatter()
        self._forms: dict[tuple[str, int, int], Form] = {}

    def to_bgr(self, picture: av.VideoFrame) -> Image:
        """Return a picture as (H, W, 3) uint8 BGR, to be written to."""
        with self._lock:
            converted = self._reformatter.reformat(picture, format="bgr24")
        if converted is picture:  # it was BGR already, and is the decoder's
            return np.array(converted.to_ndarray(), np.uint8)  # which may be a view of the decoder's own memory
        rows = _rows(converted)  # of a copy that nobody else has: no second one is made
        return rows[:, : 3 * converted.width].reshape(converted.height, converted.width, 3)

    def form(self, picture: av.VideoFrame) -> "Form":
        """Return what can be read off a picture's planes as they lie."""
        kind = (picture.format.name, int(picture.colorspace), int(picture.color_range))
        if kind not in self._forms:
            self._forms[kind] = Form.of(picture)
        return self._forms[kind]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What the planes of a source's pictures hold.

    Attributes:
        tells_brightness: Whether the first plane is brightness alone, a byte a pixel.
        matrix: What makes BGR of three such planes, brightness and both colour differences, see `bgr_matrix`; None for
            RGB, packed and deep formats, and unknown colours.
    """

    tells_brightness: bool
    matrix: NDArray[np.float64] | None

    @classmethod
    def of(cls, picture: av.VideoFrame) -> "Form":
        """Return the form of a picture."""
        kind = picture.format
        components = [(component.plane, component.bits) for component in kind.components]
        alone = components[0] == (0, _BYTE_BITS) and [plane for plane, _ in components].count(0) == 1
        tells_brightness = alone and kind.components[0].is_luma and not kind.has_palette
        three = components == [(number, _BYTE_BITS) for number in range(3)]
        if not (tells_brightness and three):
            return cls(tells_brightness, None)
        full_range = kind.name.startswith("yuvj")
        return cls(
            tells_brightness, bgr_matrix(int(picture.colorspace), int(picture.color_range), full_range=full_range)
        )


class Planes:
    """One decoded picture; may be read from any thread.

    The decoder may still need the picture for the next ones, so nothing is ever written into it.

    Args:
        picture: From the decoder, in whatever format.
        conversion: Of the picture's source.
        cover: Blackens in place what must not be seen of it; what comes out has gone through it.

    Attributes:
        height: Rows, pixels.
        width: Columns, pixels.
        is_key: Whether it was coded without others.
    """

    def __init__(self, picture: av.VideoFrame, conversion: Conversion, cover: Cover | None = None) -> None:
        self.height = picture.height
        self.width = picture.width
        self.is_key = bool(picture.key_frame)
        self._picture = picture
        self._conversion = conversion
        self._cover = cover
        self._lock = threading.Lock()
        self._covered_luma: Image | None = None
        self._bgr: Image | None = None

    def covered(self, cover: Cover) -> "Planes":
        """Return the same picture without what must not be seen of it."""
        return Planes(self._picture, self._conversion, cover)

    @property
    def luma(self) -> Image:
        """Brightness, or green where the decoder gave none by itself: (H, W) uint8, not to be written to."""
        if not self._conversion.form(self._picture).tells_brightness:
            return self.bgr[..., 1]
        plane = _plane(self._picture, 0)
        if self._cover is None:
            return plane
        with self._lock:
            luma = self._covered_luma
            if luma is None:
                luma = self._covered_luma = plane.copy()
                self._cover(luma, 0)
            return luma

    @property
    def bgr(self) -> Image:
        """The picture, (H, W, 3) uint8."""
        with self._lock:
            if self._bgr is None:
                self._bgr = self._converted()
            return self._bgr

    def draw(self, out: Image) -> None:
        """Draw the picture, scaled, over all of another one (rows, columns, 3) uint8 BGR."""
        matrix = self._conversion.form(self._picture).matrix
        if matrix is None:
            Bgr(self.bgr).draw(out)
            return
        scaled = [np.empty(out.shape[:2], np.uint8) for _ in range(3)]
        for plane, small in zip((self.luma, *self._colours()), scaled, strict=True):
            scale(plane, small)
        cv2.transform(cv2.merge(scaled), matrix, dst=out)

    def _colours(self) -> Sequence[Image]:
        """Return the planes of both colour differences, not to be written to; where it is covered, without colour."""
        planes = [_plane(self._picture, number) for number in (1, 2)]
        if self._cover is None:
            return planes
        copies = [plane.copy() for plane in planes]
        for copy in copies:
            self._cover(copy, _NO_COLOUR)
        return copies

    def _converted(self) -> Image:
        image = self._conversion.to_bgr(self._picture)
        if self._cover is not None:
            self._cover(image, 0)
        return image


def _plane(picture: av.VideoFrame, number: int) -> Image:
    """Return one of a picture's planes that holds a byte a pixel, (rows, columns) uint8."""
    return _rows(picture, number)[:, : picture.planes[number].width]


def _rows(picture: av.VideoFrame, number: int = 0) -> Image:
    """Return one of a picture's planes as it lies in memory, (rows, bytes of a line) uint8."""
    plane = picture.planes[number]
    flat = np.frombuffer(plane, np.uint8)  # pyright: ignore[reportCallIssue, reportArgumentType] - a buffer, unnamed
    return flat.reshape(-1, plane.line_size)[: plane.height]

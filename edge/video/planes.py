"""A picture as its decoder left it: brightness is there at once, BGR is made when somebody asks, once."""

import threading
from collections.abc import Callable

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

Image = NDArray[np.uint8]
_BYTE_BITS = 8


class Conversion:
    """Turns one source's decoded pictures into BGR; the scaler's tables are made once, not for each picture."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reformatter = VideoReformatter()

    def to_bgr(self, picture: av.VideoFrame) -> Image:
        """Return a picture as (H, W, 3) uint8 BGR, to be written to."""
        with self._lock:
            converted = self._reformatter.reformat(picture, format="bgr24")
        if converted is picture:  # it was BGR already, and is the decoder's
            return np.array(converted.to_ndarray(), np.uint8)  # which may be a view of the decoder's own memory
        rows = _rows(converted)  # of a copy that nobody else has: no second one is made
        return rows[:, : 3 * converted.width].reshape(converted.height, converted.width, 3)


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

    def __init__(
        self, picture: av.VideoFrame, conversion: Conversion, cover: Callable[[Image], None] | None = None
    ) -> None:
        self.height = picture.height
        self.width = picture.width
        self.is_key = bool(picture.key_frame)
        self._picture = picture
        self._conversion = conversion
        self._cover = cover
        self._lock = threading.Lock()
        self._covered_luma: Image | None = None
        self._bgr: Image | None = None

    def covered(self, cover: Callable[[Image], None]) -> "Planes":
        """Return the same picture without what must not be seen of it."""
        return Planes(self._picture, self._conversion, cover)

    @property
    def luma(self) -> Image:
        """Brightness, or green where the decoder gave none by itself: (H, W) uint8, not to be written to."""
        plane = _brightness_plane(self._picture)
        if plane is None:
            return self.bgr[..., 1]
        if self._cover is None:
            return plane
        with self._lock:
            luma = self._covered_luma
            if luma is None:
                luma = self._covered_luma = plane.copy()
                self._cover(luma)
            return luma

    @property
    def bgr(self) -> Image:
        """The picture, (H, W, 3) uint8."""
        with self._lock:
            if self._bgr is None:
                self._bgr = self._converted()
            return self._bgr

    def _converted(self) -> Image:
        image = self._conversion.to_bgr(self._picture)
        if self._cover is not None:
            self._cover(image)
        return image


def _brightness_plane(picture: av.VideoFrame) -> Image | None:
    """Return the first plane where it is brightness alone, a byte a pixel; None for RGB, packed and deep formats."""
    components = picture.format.components
    alone = [component.plane for component in components].count(0) == 1
    if picture.format.has_palette or not (alone and components[0].is_luma and components[0].bits == _BYTE_BITS):
        return None
    return _rows(picture)[:, : picture.width]


def _rows(picture: av.VideoFrame) -> Image:
    """Return a picture's first plane as it lies in memory, (H, bytes of a line) uint8."""
    plane = picture.planes[0]
    flat = np.frombuffer(plane, np.uint8)  # pyright: ignore[reportCallIssue, reportArgumentType] - a buffer, unnamed
    return flat.reshape(-1, plane.line_size)[: picture.height]

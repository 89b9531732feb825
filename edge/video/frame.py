"""One picture of one camera with the times that every later stage reckons by."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from edge.model.geometry import Bgr
from edge.video.planes import Planes


class ClockSource(str, Enum):
    """Where a capture time comes from, best first."""

    RTCP = "rtcp"
    V4L2 = "v4l2"
    HOST = "host"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one camera.

    Attributes:
        camera: Name of the camera in the box's configuration.
        index: Counts from 0 for each camera and run; a gap tells dropped frames.
        captured_at: Capture time, UTC-aware, from `clock`.
        clock: Where `captured_at` comes from.
        media_s: Seconds on the camera's own time line: the presentation time for files (from 0), the host's
            monotonic clock for live cameras. Deadlines and speeds reckon in it, so that a file can run
            faster than life.
        arrived_s: Host monotonic seconds at which the decoder handed the picture over. Latencies reckon from it.
        pixels: (H, W, 3) uint8 BGR, or the decoder's planes, of which BGR is made when `image` is first asked for.
    """

    camera: str
    index: int
    captured_at: datetime
    clock: ClockSource
    media_s: float
    arrived_s: float
    pixels: NDArray[np.uint8] | Planes

    @property
    def image(self) -> NDArray[np.uint8]:
        """The picture, (H, W, 3) uint8 BGR."""
        return self.pixels.bgr if isinstance(self.pixels, Planes) else self.pixels

    def draw(self, out: NDArray[np.uint8]) -> None:
        """Draw it, scaled, over all of a picture (rows, columns, 3) uint8 BGR; planes need not become BGR for that."""
        picture = self.pixels if isinstance(self.pixels, Planes) else Bgr(self.pixels)
        picture.draw(out)

    @property
    def luma(self) -> NDArray[np.uint8]:
        """Its brightness, or green where the source gives BGR: (H, W) uint8, not to be written to."""
        return self.pixels.luma if isinstance(self.pixels, Planes) else self.pixels[..., 1]

    @property
    def is_key(self) -> bool:
        """Whether it was coded without others; a picture that came as BGR always was."""
        return self.pixels.is_key if isinstance(self.pixels, Planes) else True

    @property
    def height(self) -> int:
        """Rows of the picture, pixels."""
        return self.pixels.height if isinstance(self.pixels, Planes) else int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the picture, pixels."""
        return self.pixels.width if isinstance(self.pixels, Planes) else int(self.pixels.shape[1])

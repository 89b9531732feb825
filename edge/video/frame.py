"""One picture of one camera with the times that every later stage reckons by."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import numpy as np
from numpy.typing import NDArray


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
        image: (H, W, 3) uint8, BGR.
    """

    camera: str
    index: int
    captured_at: datetime
    clock: ClockSource
    media_s: float
    arrived_s: float
    image: NDArray[np.uint8]

    @property
    def height(self) -> int:
        """Rows of the picture, pixels."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Columns of the picture, pixels."""
        return int(self.image.shape[1])

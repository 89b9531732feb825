"""Frames of a V4L2 camera."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import cv2
import numpy as np

from edge.video.frame import ClockSource, Frame
from edge.video.section import UsbSource
from edge.video.sources import SourceLostError

_OLDEST_BUFFER_S = 2.0  # what seems older was stamped by another clock


class UsbFrames:
    """A V4L2 camera.

    Raises:
        SourceLostError: The device is not there or does not open.
    """

    def __init__(self, camera: str, source: UsbSource, first_index: int) -> None:
        self._camera = camera
        self._device = source.device
        self._index = first_index
        self._closed = False
        self.damaged = 0
        if not source.device.exists():
            raise SourceLostError(f"camera {camera}: there is no device {source.device}; is it plugged in?")
        settings = [
            (cv2.CAP_PROP_FRAME_WIDTH, source.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, source.height),
            (cv2.CAP_PROP_FPS, source.fps),
        ]
        self._capture = cv2.VideoCapture(str(source.device), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceLostError(f"camera {camera}: {source.device} does not open as a camera, or is in use")
        for setting, value in settings:
            self._capture.set(setting, value)

    def frames(self) -> Iterator[Frame]:
        """Yield frames as they come.

        Raises:
            SourceLostError: The device stopped to deliver.
        """
        try:
            while not self._closed:
                there, picture = self._capture.read()
                arrived_s = time.monotonic()
                if not there:
                    raise SourceLostError(f"camera {self._camera}: {self._device} stopped to deliver frames")
                image = np.asarray(picture, np.uint8)
                stamped_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                captured, clock = capture_time(stamped_s, arrived_s, datetime.now(timezone.utc))
                yield Frame(self._camera, self._index, captured, clock, arrived_s, arrived_s, image)
                self._index += 1
        finally:
            self._capture.release()

    def close(self) -> None:
        """End after the frame at hand."""
        self._closed = True


def capture_time(stamped_s: float, arrived_s: float, now: datetime) -> tuple[datetime, ClockSource]:
    """Return when a picture was captured, and by which clock.

    Args:
        stamped_s: The driver's time of the buffer; V4L2 stamps with the host's monotonic clock, few drivers otherwise.
        arrived_s: Monotonic seconds of the picture's arrival.
        now: The host's time at its arrival, UTC.
    """
    age_s = arrived_s - stamped_s
    if 0 <= age_s < _OLDEST_BUFFER_S:
        return now - timedelta(seconds=age_s), ClockSource.V4L2
    return now, ClockSource.HOST

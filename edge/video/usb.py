"""Frames of a V4L2 camera."""

import time
from collections.abc import Iterator
from datetime import datetime, timezone

import cv2
import numpy as np

from edge.config import UsbSource
from edge.video.frame import ClockSource, Frame
from edge.video.sources import SourceLostError


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
                captured = datetime.now(timezone.utc)
                yield Frame(self._camera, self._index, captured, ClockSource.HOST, arrived_s, arrived_s, image)
                self._index += 1
        finally:
            self._capture.release()

    def close(self) -> None:
        """End after the frame at hand."""
        self._closed = True

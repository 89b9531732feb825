"""Pictures of a folder as frames, in the order of their names."""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import cv2
import numpy as np

from devices.errors import EdgekitError
from edge.video.frame import ClockSource, Frame
from edge.video.section import FolderSource

_log = logging.getLogger(__name__)
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


class FolderFrames:
    """A folder of pictures. One that cannot be read is skipped and told in the log.

    Raises:
        EdgekitError: There is no such folder, or no picture in it.
    """

    def __init__(self, camera: str, source: FolderSource) -> None:
        self._camera = camera
        self._source = source
        self._closed = False
        self.damaged = 0
        if not source.path.is_dir():
            raise EdgekitError(f"there is no folder at {source.path}: check the source of camera {camera}")
        self._paths = sorted(path for path in source.path.iterdir() if path.suffix.lower() in PICTURES)
        if not self._paths:
            raise EdgekitError(f"{source.path} holds no picture ({', '.join(sorted(PICTURES))})")

    def frames(self) -> Iterator[Frame]:
        """Yield every picture that can be read.

        Raises:
            EdgekitError: None of them can.
        """
        began = datetime.now(timezone.utc)
        index = 0
        for path in self._paths:
            if self._closed:
                return
            picture = cv2.imread(str(path))
            if picture is None:
                self.damaged += 1
                _log.warning("camera %s: %s cannot be read as a picture and is skipped", self._camera, path)
                continue
            media_s = index / self._source.fps
            image = np.asarray(picture, np.uint8)
            captured = began + timedelta(seconds=media_s)
            yield Frame(self._camera, index, captured, ClockSource.FILE, media_s, time.monotonic(), image)
            index += 1
        if index == 0:
            raise EdgekitError(f"none of the {len(self._paths)} pictures in {self._source.path} can be read")

    def close(self) -> None:
        """Stop after the picture at hand."""
        self._closed = True

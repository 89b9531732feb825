"""Pictures for the page: made when somebody asks, few a second, each encoded once for all who look."""

import base64
import threading
import time
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.runtime.view import BoxView
from edge.runtime.watch import Scene

MOST_A_SECOND = 10.0
WIDTHS = (320, 640, 960, 1280)
_QUALITY = 75
_SCENE_S = 1.0
_LONGEST_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene and its picture as JPEG, base64."""

    scene: Scene
    jpeg: str


class Pictures:
    """Makes pictures of a box's cameras. Used by the threads of those who look.

    Args:
        view: The box.

    Attributes:
        made: Pictures that were encoded so far; stands still while nobody looks.
    """

    def __init__(self, view: BoxView) -> None:
        self._view = view
        self._makers = {camera.name: _Maker() for camera in view.config.cameras}
        self._counting = threading.Lock()
        self.made = 0

    def scene(self, camera: str) -> Scene | None:
        """Wait for a camera's next scene, at most `MOST_A_SECOND`; None where it gave no picture yet."""
        maker = self._makers[camera]
        with maker.pacing:
            now_s = time.monotonic()
            # However many asked before: who asks now waits for no more than so long, nor does who asks afterwards.
            maker.looked_s = min(max(now_s, maker.looked_s + 1 / MOST_A_SECOND), now_s + _LONGEST_WAIT_S)
            wait_s = maker.looked_s - now_s
        if wait_s > 0:
            time.sleep(wait_s)
        return self._view.scene(camera, _SCENE_S)

    def picture(self, camera: str, width: int) -> Picture | None:
        """Wait for a camera's next picture, at most as wide as asked for; None where it gave none yet."""
        scene = self.scene(camera)
        if scene is None:
            return None
        maker = self._makers[camera]
        with maker.encoding:  # who comes second finds the first one's
            kept = maker.kept.get(width)
            if kept is None or kept.scene.frame is not scene.frame:
                kept = Picture(scene, self.encode(scene.frame.image, width))
                maker.kept = {**{w: p for w, p in maker.kept.items() if p.scene.frame is scene.frame}, width: kept}
            return kept

    def encode(self, image: NDArray[np.uint8], width: int) -> str:
        """Return a picture (H, W, 3) uint8 BGR as JPEG, base64, at most `width` wide."""
        with self._counting:
            self.made += 1
        scale = min(1.0, width / image.shape[1])
        if scale < 1:
            size = (width, max(1, round(image.shape[0] * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        return base64.b64encode(np.asarray(coded).tobytes()).decode()


class _Maker:
    """What is kept of one camera between two looks."""

    def __init__(self) -> None:
        self.pacing = threading.Lock()
        self.encoding = threading.Lock()
        self.looked_s = 0.0
        self.kept: dict[int, Picture] = {}

"""What is measured of a camera: of its pictures, of the model's answers, of its events; each the mean of a window."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.tags.events import EventKind, TagEvent
from edge.video.frame import Frame

BRIGHTNESS, SHARPNESS, MOVEMENT, OBJECTS, SCORE, MARGIN, NO_READ, SHARE = (
    "brightness",
    "sharpness",
    "movement",
    "objects",
    "score",
    "margin",
    "no_read_rate",
    "share_of_",
)
_TILE_PX = 512  # of the middle: blur shows at full resolution alone, and a part of the picture is enough for it
_STEP = 8  # every so many pixels tell the brightness
_LEAST_OBJECTS = 20  # fewer tell nothing of scores and shares
_LEAST_PARCELS = 5
_PARCELS = (EventKind.READ, EventKind.NO_READ, EventKind.MULTI_READ)


def brightness_of(frame: Frame) -> float:
    """Return the mean brightness of a frame, 0 to 255."""
    return float(frame.luma[::_STEP, ::_STEP].mean())


def sharpness_of(frame: Frame) -> float:
    """Return how much of the contrast in a frame's middle is fine detail; light alone does not change it."""
    top, left = max(0, (frame.height - _TILE_PX) // 2), max(0, (frame.width - _TILE_PX) // 2)
    tile = np.ascontiguousarray(frame.luma[top : top + _TILE_PX, left : left + _TILE_PX])
    contrast = float(tile.var())
    return float(np.asarray(cv2.Laplacian(tile, cv2.CV_16S)).var()) / contrast if contrast > 1 else 0.0


def small_of(frame: Frame) -> NDArray[np.uint8]:
    """Return the brightness of a frame, a row and column for each eight of it: small enough that noise is gone."""
    size = (max(1, frame.width // _STEP), max(1, frame.height // _STEP))
    return np.asarray(cv2.resize(np.ascontiguousarray(frame.luma), size, interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(slots=True)
class Window:
    """One stretch of a camera's time, as it fills.

    Attributes:
        start: Capture time of its first frame.
        start_s: The same on the camera's time line.
    """

    start: datetime
    start_s: float
    _before: NDArray[np.uint8] | None = None
    _brightness: list[float] = field(default_factory=list[float])
    _movement: list[float] = field(default_factory=list[float])
    _sharpness: list[float] = field(default_factory=list[float])
    _scores: list[float] = field(default_factory=list[float])
    _classes: Counter[str] = field(default_factory=Counter[str])
    _margins: list[float] = field(default_factory=list[float])
    _kinds: Counter[EventKind] = field(default_factory=Counter[EventKind])

    def add_frame(self, frame: Frame, labels: Sequence[str], scores: Sequence[float]) -> None:
        """Take a frame, and what was found in it."""
        self._brightness.append(brightness_of(frame))
        self._sharpness.append(sharpness_of(frame))
        now = small_of(frame)
        if self._before is not None and self._before.shape == now.shape:
            self._movement.append(float(cv2.absdiff(self._before, now).mean()))
        self._before = now
        self._classes.update(labels)
        self._scores += scores

    def add_event(self, event: TagEvent) -> None:
        """Take an event with what it was decided on."""
        if event.kind in _PARCELS:
            self._kinds[event.kind] += 1
        if event.evidence is not None and event.evidence.margin is not None:
            self._margins.append(event.evidence.margin)

    def means(self) -> Mapping[str, float]:
        """Return each figure of which enough was seen."""
        told = {BRIGHTNESS: float(np.mean(self._brightness)), SHARPNESS: float(np.mean(self._sharpness))}
        objects, parcels = len(self._scores), self._kinds.total()
        told[OBJECTS] = objects / len(self._brightness)
        if self._movement:
            told[MOVEMENT] = float(np.mean(self._movement))
        if objects >= _LEAST_OBJECTS:
            told[SCORE] = float(np.mean(self._scores))
            told |= {f"{SHARE}{name}": count / objects for name, count in self._classes.items()}
        if len(self._margins) >= _LEAST_PARCELS:
            told[MARGIN] = float(np.mean(self._margins))
        if parcels >= _LEAST_PARCELS:
            told[NO_READ] = self._kinds[EventKind.NO_READ] / parcels
        return told

"""Draws what a camera's tags half knows onto a frame: parcels, label regions, texts and lines, for people."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.tags.events import EventKind
from edge.tags.interpreter import ParcelView
from edge.tags.reading import Label
from edge.zones import Line

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom

# BGR. Undecided parcels are blue, read ones green, others that were decided red.
_UNDECIDED: Colour = (230, 150, 40)
_READ: Colour = (70, 190, 60)
_NOT_READ: Colour = (60, 60, 230)
_LABEL: Colour = (0, 200, 255)
_LINE: Colour = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw(
    image: NDArray[np.uint8], parcels: Sequence[ParcelView], labels: Sequence[Label], lines: Sequence[Line]
) -> NDArray[np.uint8]:
    """Return a copy of a frame with what is known of it drawn in.

    Args:
        image: (H, W, 3) uint8 BGR.
        parcels: In this frame.
        labels: Label regions in this frame.
        lines: Of the camera.
    """
    canvas = image.copy()
    height, width = canvas.shape[:2]
    size = max(1, round(height / 360))
    for line in lines:
        start, end = ((round(x * (width - 1)), round(y * (height - 1))) for x, y in (line.start, line.end))
        cv2.line(canvas, start, end, _LINE, size, cv2.LINE_AA)
    for label in labels:
        left, top, right, bottom = (round(float(value)) for value in label.xyxy)
        cv2.rectangle(canvas, (left, top), (right, bottom), _LABEL, size)
    captions: list[Rectangle] = []
    for parcel in parcels:
        left, top, right, bottom = (round(value) for value in parcel.xyxy)
        colour = _colour(parcel)
        cv2.rectangle(canvas, (left, top), (right, bottom), colour, 2 * size)
        captions.append(_write(canvas, _caption(parcel), (left, top), colour, size, captions))
    return canvas


def _colour(parcel: ParcelView) -> Colour:
    match parcel.decided:
        case None:
            return _UNDECIDED
        case EventKind.READ:
            return _READ
        case _:
            return _NOT_READ


def _caption(parcel: ParcelView) -> str:
    state = "" if parcel.decided in (None, EventKind.READ) else parcel.decided.value.replace("_", "-")
    return " ".join(part for part in (f"#{parcel.track_id}", state, *parcel.texts) if part)


def _write(
    canvas: NDArray[np.uint8],
    text: str,
    corner: tuple[int, int],
    colour: Colour,
    size: int,
    taken: Sequence[Rectangle],
) -> Rectangle:
    """Write above a box's upper left corner, higher where another caption stands there; return what it covers."""
    scale = 0.5 * size
    (text_width, text_height), baseline = cv2.getTextSize(text, _FONT, scale, size)
    height = text_height + 2 * baseline
    left = min(max(0, corner[0]), max(0, canvas.shape[1] - text_width))
    top = max(0, corner[1] - height)
    while top >= height and any(_overlap((left, top, left + text_width, top + height), other) for other in taken):
        top -= height
    cv2.rectangle(canvas, (left, top), (left + text_width, top + height), colour, cv2.FILLED)
    cv2.putText(canvas, text, (left, top + height - baseline), _FONT, scale, (255, 255, 255), size, cv2.LINE_AA)
    return left, top, left + text_width, top + height


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]

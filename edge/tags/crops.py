"""What the tags half would like to have looked at, and what it hears of it: crops out, looks in, some frames later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.tags.events import Tag, Xyxy
from edge.tags.verdict import Attributes, Verdict, VoteSettings
from edge.video.frame import Frame

FIELD_ROOM = 0.4  # of a field's height, that a crop shows around it
_EDGE_PX = 2.0  # what comes nearer to the picture's edge may be cut off by it
_LEAST_PX = 8


@dataclass(slots=True)
class ClassifierUse:
    """How a camera's tags half uses a classifier.

    Attributes:
        attributes: What it can tell; another one's from the moment on in which that takes its place.
        settings: How looks become tags.
        classes: Of the detector, whose crops it looks at; none: all that are tracked or counted.
        looks_a_frame: Crops of one frame, over all parcels and places.
    """

    attributes: Attributes
    settings: VoteSettings
    classes: tuple[str, ...] = ()
    looks_a_frame: int = 2

    def verdict_of(self, class_name: str) -> Verdict | None:
        """Return a new vote about a thing of a class of the detector, None where it is not looked at."""
        asked = not self.classes or class_name in self.classes
        return Verdict(self.attributes, self.settings) if asked else None


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A piece of a frame to be looked at.

    Attributes:
        zone: Name of the shelf zone that it is from, None for a parcel.
        number: Of the parcel's track, or of the place in its zone.
        image: (h, w, 3) uint8 BGR; a view of the frame.
    """

    zone: str | None
    number: int
    image: NDArray[np.uint8]

    def seen(self, said: tuple[Tag, ...], margin: float | None = None) -> "Look":
        """Return what was seen on it, and by how much the likeliest values led the next."""
        return Look(self.zone, self.number, said, margin=margin)


@dataclass(frozen=True, slots=True, eq=False)
class FieldCrop:
    """A printed field, to be read.

    Attributes:
        zone: As of a `Crop`.
        number: As of a `Crop`.
        field: Which, one of `FIELDS`.
        image: (h, w, 3) uint8 BGR, the field with some room around it; a view of the frame.
        xyxy: (4,) float32, where it is in that image, pixels.
    """

    zone: str | None
    number: int
    field: str
    image: NDArray[np.uint8]
    xyxy: NDArray[np.float32]

    def seen(self, said: tuple[Tag, ...]) -> "Look":
        """Return what was read of it."""
        return Look(self.zone, self.number, said, self.field)


AnyCrop = Crop | FieldCrop


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen on a crop: all that is sure, which may be nothing.

    Attributes:
        zone: As of the crop.
        number: As of the crop.
        said: What is sure.
        field: Of a printed field, which one it was.
        margin: Of a classifier, by how much its likeliest values led the next.
    """

    zone: str | None
    number: int
    said: tuple[Tag, ...]
    field: str | None = None
    margin: float | None = None


def cut_off(frame: Frame, box: Xyxy) -> bool:
    """Whether the picture's edge may hide a part of what is in a box."""
    left, top, right, bottom = box
    return min(left, top) < _EDGE_PX or right > frame.width - _EDGE_PX or bottom > frame.height - _EDGE_PX


def cut_box(image: NDArray[np.uint8], box: Xyxy) -> NDArray[np.uint8] | None:
    """Return what of a box lies in a picture (H, W, 3), as a view of it; None where that is next to nothing."""
    height, width = image.shape[:2]
    left, top = (max(0, round(edge)) for edge in box[:2])
    right, bottom = min(width, round(box[2])), min(height, round(box[3]))
    if right - left < _LEAST_PX or bottom - top < _LEAST_PX:
        return None
    return image[top:bottom, left:right]


def crop_of(frame: Frame, box: Xyxy, *, zone: str | None, number: int) -> Crop | None:
    """Return what of a box lies in the frame, None where that is next to nothing."""
    image = cut_box(frame.image, box)
    return Crop(zone, number, image) if image is not None else None


def field_crop_of(
    frame: Frame, field: str, xyxy: NDArray[np.float32], *, zone: str | None, number: int
) -> FieldCrop | None:
    """Return a field with as much around it as its reader wants, None where next to nothing of it is in the frame."""
    box = np.clip(xyxy, 0, np.array((frame.width, frame.height) * 2, np.float32))
    if min(box[2:] - box[:2]) < _LEAST_PX:
        return None
    room = FIELD_ROOM * float(box[3] - box[1])
    left, top = (max(0, int(edge - room)) for edge in box[:2])
    right, bottom = (int(edge + room) + 2 for edge in box[2:])
    inside = (box - np.array((left, top, left, top))).astype(np.float32)
    return FieldCrop(zone, number, field, frame.image[top:bottom, left:right], inside)


def of_zone(looks: Sequence[Look], zone: str | None) -> Iterable[Look]:
    """Return the looks at one shelf zone's places, or at parcels."""
    return (look for look in looks if look.zone == zone)

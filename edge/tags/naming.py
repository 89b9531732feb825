"""What is known of the product in each place of a shelf zone beside the detector's class: its name, its printed fields.

A place that has come to stand is held back until the looks at it are sure, or enough; then it is told as what it is. It
is looked at again when it has moved, or no longer looks as it did when it was named: a product may have been exchanged
for another one of the same class quicker than its place was ever seen empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections, iou_matrix
from edge.tags.calm import Calm
from edge.tags.crops import AnyCrop, ClassifierUse, Look, crop_of, of_zone
from edge.tags.events import Tag, Xyxy
from edge.tags.field_votes import OcrUse
from edge.tags.fields import FIELDS
from edge.tags.inquiry import Inquiry
from edge.tags.places import Changes, Instant, Place
from edge.tags.reading import Label, labels_by_row
from edge.video.frame import Frame

_LONGEST_S = 10.0  # for which looks are waited for before a place is told as what the detector takes it for
_CHECK_S = 1.0  # between two comparisons of a place with how it looked when it was named
_SAME_COLOUR = 0.05  # by which a colour's share of a place's light must change; brighter light changes all alike
_SAME_PLACE = 0.5  # IoU with where it was named, below which it has moved


@dataclass(slots=True)
class _Naming:
    """One place: the looks at what stands there now, and how it looked when it was named last."""

    number: int
    inquiry: Inquiry
    begun_s: float
    named: bool = False
    looking: bool = True
    anchor: Xyxy = (0.0, 0.0, 0.0, 0.0)
    calm: Calm | None = None
    colour: NDArray[np.float32] | None = None
    checked_s: float = 0.0


class Names:
    """Names the places of one zone by an attribute, where a classifier tells that better than the detector's class.

    Args:
        zone: Name of the zone.
        attribute: What they are named by, None where they keep the detector's class.
        classifier: How it is asked, None where places are not named by what it tells.
        ocr: How fields on products are read, None where they are not.
    """

    def __init__(
        self, zone: str, attribute: str | None, classifier: ClassifierUse | None, ocr: OcrUse | None = None
    ) -> None:
        self._zone = zone
        self._attribute = attribute
        self._classifier = classifier
        self._ocr = ocr
        self._places: dict[Place, _Naming] = {}
        self._count = 0
        self._frame: Frame | None = None

    @property
    def busy(self) -> bool:
        """Whether anything in the zone is being looked at for its name."""
        return any(naming.looking for naming in self._places.values())

    def holds(self, place: Place) -> bool:
        """Whether a place that stands has no name yet, so that it is not told."""
        naming = self._places.get(place)
        return naming is not None and not naming.named

    def rises(self, class_id: int, by_s: float) -> bool:
        """Whether a product of a class that was first seen by then has no name yet."""
        return any(self.holds(place) and _like(place, class_id, by_s) for place in self._places)

    def update(self, changes: Changes, frame: Frame, detections: Detections, classes: Sequence[str]) -> Changes:
        """Look at the next frame, and return what has come and gone by name.

        Args:
            changes: What has come and gone by the detector's class.
            frame: The frame.
            detections: Everything that was found in it.
            classes: The detector's, in the order of their ids.
        """
        self._frame = frame
        come: list[Place] = []
        gone = [place for place in changes.gone if not self.holds(place)]
        for place in changes.gone:
            self._places.pop(place, None)
        fields = self._fields([*self._places, *changes.come], detections, classes)
        for place in changes.come:
            naming = self._begun(place, classes, fields, frame.media_s)
            if naming.inquiry.idle:
                come.append(place)
            else:
                self._places[place] = naming
        for place, naming in self._places.items():
            naming.inquiry.meet(classes[place.class_id], fields.get(place, ()))
            if naming.looking:
                over = naming.inquiry.settled or frame.media_s - naming.begun_s >= _LONGEST_S
                if over:
                    self._conclude(place, naming, frame, come, gone)
            elif self._changed(place, naming, frame):
                self._look_again(naming, self._begun(place, classes, fields, frame.media_s))
        return Changes(tuple(come), tuple(gone))

    def wanted(self, most: int, *, read: bool) -> list[AnyCrop]:
        """Return crops of the newest frame to be looked at: of places whose product was seen in it.

        Args:
            most: Crops for the classifier.
            read: Whether a field may be asked for too.
        """
        crops: list[AnyCrop] = []
        frame = self._frame
        for place, naming in self._places.items():
            if frame is None or not naming.looking or not _seen_in(place, frame):
                continue
            if most > 0 and (crop := naming.inquiry.crop(frame, place.box)) is not None:
                most -= 1
                crops.append(crop)
            if read and (field := naming.inquiry.field_crop(frame)) is not None:
                read = False
                crops.append(field)
        return crops

    def hear(self, looks: Sequence[Look]) -> None:
        """Take what was seen on crops; it is told with the next frame."""
        by_number = {naming.number: naming for naming in self._places.values()}
        for look in of_zone(looks, self._zone):
            naming = by_number.get(look.number)
            if naming is not None:
                naming.inquiry.hear(look)

    def gap(self) -> None:
        """Look at everything again: nobody saw what became of it."""
        for naming in self._places.values():
            naming.calm = None

    def _conclude(self, place: Place, naming: _Naming, frame: Frame, come: list[Place], gone: list[Place]) -> None:
        """Give a place its name; one that had another name is gone, and something else has come."""
        now = Instant(frame.media_s, frame.captured_at)
        value = naming.inquiry.value(self._attribute) if self._attribute is not None else None
        if not naming.named:
            place.tags = naming.inquiry.tags
            come.append(place)
        elif value is not None and value != value_of(place.tags, self._attribute or ""):
            gone.append(replace(place))
            place.tags, place.since = naming.inquiry.tags, now
            come.append(place)
        else:
            place.tags = _renewed(place.tags, naming.inquiry.tags)
        naming.named, naming.looking = True, False
        naming.anchor, naming.calm, naming.checked_s = place.anchor, Calm(frame.luma, place.anchor), frame.media_s
        naming.colour = _colour(frame, place.anchor)

    def _changed(self, place: Place, naming: _Naming, frame: Frame) -> bool:
        if naming.calm is None or naming.colour is None:
            return True
        if frame.media_s - naming.checked_s < _CHECK_S or not _seen_in(place, frame):
            return False
        naming.checked_s = frame.media_s
        here, there = (np.array([box], np.float32) for box in (place.anchor, naming.anchor))
        moved = float(iou_matrix(here, there)[0, 0]) < _SAME_PLACE
        other_colour = bool(np.abs(_colour(frame, naming.anchor) - naming.colour).max() > _SAME_COLOUR)
        return moved or other_colour or not naming.calm.again(frame.luma).like(naming.calm)

    def _fields(
        self, places: Sequence[Place], detections: Detections, classes: Sequence[str]
    ) -> dict[Place, list[Label]]:
        """Return the field regions on each place's product."""
        if self._ocr is None or not places:
            return {}
        boxes = np.array([place.box for place in places], np.float32)
        return {places[row]: labels for row, labels in labels_by_row(boxes, detections, classes, FIELDS).items()}

    def _begun(
        self, place: Place, classes: Sequence[str], fields: Mapping[Place, Sequence[Label]], now_s: float
    ) -> _Naming:
        """Return a place that is asked about from now on; what is still on its way was seen before."""
        self._count += 1
        inquiry = Inquiry(self._zone, self._count, self._classifier, self._ocr)
        inquiry.meet(classes[place.class_id], fields.get(place, ()))
        return _Naming(self._count, inquiry, now_s)

    @staticmethod
    def _look_again(naming: _Naming, anew: _Naming) -> None:
        naming.number, naming.inquiry, naming.begun_s, naming.looking = anew.number, anew.inquiry, anew.begun_s, True


def _renewed(before: Sequence[Tag], now: Sequence[Tag]) -> tuple[Tag, ...]:
    """Return what is known of a product that was looked at again: what is sure now, and of all else what was."""
    return (*(tag for tag in before if all(tag.key != other.key for other in now)), *now)


def value_of(tags: Sequence[Tag], attribute: str) -> str | None:
    """Return the value of an attribute among tags, None where they do not say it."""
    return next((tag.value for tag in tags if tag.key == attribute), None)


def _colour(frame: Frame, box: Xyxy) -> NDArray[np.float32]:
    """Return each channel's share (3,) of the light of what of a box lies in the frame."""
    crop = crop_of(frame, box, zone=None, number=0)
    if crop is None:
        return np.full(3, 1 / 3, np.float32)
    mean = crop.image.mean(axis=(0, 1), dtype=np.float32) + 1
    return mean / mean.sum()


def _seen_in(place: Place, frame: Frame) -> bool:
    return place.seen.media_s == frame.media_s


def _like(place: Place, class_id: int, by_s: float) -> bool:
    return place.class_id == class_id and place.since.media_s <= by_s

"""Which product stands in each place of a shelf zone, where a classifier tells that better than the detector's class.

A place that has come to stand is held back until the looks at it are sure, or enough; then it is told as what it is. It
is looked at again when it has moved, or no longer looks as it did when it was named: a product may have been exchanged
for another one of the same class quicker than its place was ever seen empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.model.detections import iou_matrix
from edge.tags.calm import Calm
from edge.tags.crops import ClassifierUse, Crop, Look, crop_of, of_zone
from edge.tags.events import Tag, Xyxy
from edge.tags.places import Changes, Instant, Place
from edge.tags.verdict import Verdict
from edge.video.frame import Frame

_LONGEST_S = 10.0  # for which looks are waited for before a place is told as what the detector takes it for
_CHECK_S = 1.0  # between two comparisons of a place with how it looked when it was named
_SAME_COLOUR = 0.05  # by which a colour's share of a place's light must change; brighter light changes all alike
_SAME_PLACE = 0.5  # IoU with where it was named, below which it has moved


@dataclass(slots=True)
class _Naming:
    """One place: the looks at what stands there now, and how it looked when it was named last."""

    number: int
    verdict: Verdict
    begun_s: float
    named: bool = False
    looking: bool = True
    asked: bool = False
    anchor: Xyxy = (0.0, 0.0, 0.0, 0.0)
    calm: Calm | None = None
    colour: NDArray[np.float32] | None = None
    checked_s: float = 0.0


class Names:
    """Names the places of one zone by an attribute.

    Args:
        zone: Name of the zone.
        attribute: What they are named by.
        use: Of the classifier.
    """

    def __init__(self, zone: str, attribute: str, use: ClassifierUse) -> None:
        self._zone = zone
        self._attribute = attribute
        self._use = use
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

    def update(self, changes: Changes, frame: Frame, classes: Sequence[str]) -> Changes:
        """Look at the next frame, and return what has come and gone by name.

        Args:
            changes: What has come and gone by the detector's class.
            frame: The frame.
            classes: The detector's, in the order of their ids.
        """
        self._frame = frame
        come: list[Place] = []
        gone = [place for place in changes.gone if not self.holds(place)]
        for place in changes.gone:
            self._places.pop(place, None)
        for place in changes.come:
            verdict = self._use.verdict_of(classes[place.class_id])
            if verdict is None:
                come.append(place)
                continue
            self._count += 1
            self._places[place] = _Naming(self._count, verdict, frame.media_s)
        for place, naming in self._places.items():
            if naming.looking:
                over = naming.verdict.settled or frame.media_s - naming.begun_s >= _LONGEST_S
                if over:
                    self._conclude(place, naming, frame, come, gone)
            elif self._changed(place, naming, frame):
                self._look_again(naming, classes[place.class_id], frame.media_s)
        return Changes(tuple(come), tuple(gone))

    def wanted(self, most: int) -> list[Crop]:
        """Return crops of the newest frame for the classifier: of places whose product was seen in it."""
        crops: list[Crop] = []
        frame = self._frame
        for place, naming in self._places.items():
            if frame is None or len(crops) >= most:
                break
            if naming.looking and not naming.asked and not naming.verdict.settled and _seen_in(place, frame):
                crop = crop_of(frame, place.box, zone=self._zone, number=naming.number)
                if crop is not None:
                    naming.asked = True
                    crops.append(crop)
        return crops

    def hear(self, looks: Sequence[Look]) -> None:
        """Take what the classifier saw; it is told with the next frame."""
        by_number = {naming.number: naming for naming in self._places.values()}
        for look in of_zone(looks, self._zone):
            naming = by_number.get(look.number)
            if naming is not None:
                naming.asked = False
                naming.verdict.hear(look.said)

    def gap(self) -> None:
        """Look at everything again: nobody saw what became of it."""
        for naming in self._places.values():
            naming.calm = None

    def _conclude(self, place: Place, naming: _Naming, frame: Frame, come: list[Place], gone: list[Place]) -> None:
        """Give a place its name; one that had another name is gone, and something else has come."""
        now = Instant(frame.media_s, frame.captured_at)
        value = naming.verdict.value(self._attribute)
        if not naming.named:
            place.tags = naming.verdict.tags
            come.append(place)
        elif value is not None and value != value_of(place.tags, self._attribute):
            gone.append(replace(place))
            place.tags, place.since = naming.verdict.tags, now
            come.append(place)
        naming.named, naming.looking = True, False
        naming.anchor, naming.calm, naming.checked_s = place.anchor, Calm(frame.image, place.anchor), frame.media_s
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
        return moved or other_colour or not naming.calm.holds(frame.image, naming.anchor)

    def _look_again(self, naming: _Naming, class_name: str, now_s: float) -> None:
        verdict = self._use.verdict_of(class_name)
        if verdict is not None:
            self._count += 1  # what is still on its way was seen before the change
            naming.number, naming.verdict, naming.begun_s = self._count, verdict, now_s
            naming.looking, naming.asked = True, False


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

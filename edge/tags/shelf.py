"""One shelf zone without threads or I/O: frames and detections in, what became of its stock out.

What is told, and when:

- The first pictures give a `count` of each class that stands there or is expected; nothing appeared.
- A product that is gone makes the count fall at once (debounced): a `count`. Whether it was `removed` is only said
  when it was not back within `put_back_s`; if it was, it is one `put_back`, and nothing was removed or appeared. Of
  several that are away the one that went first is back first. So at any time
  count = first count + appeared - removed - those that are away.
- `low_stock`, `out_of_stock` and `overstock` come with the count that passes the bound, once until it is passed again.
- No picture, no judgement: a camera that sees nothing leaves the state as it was. With a gap, what was away is
  removed; after it everything is compared anew, and each count is said anew, also where nothing has changed.
- What is still away when the run ends is removed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections, areas, shared_areas
from edge.tags.crops import AnyCrop, ClassifierUse, Look
from edge.tags.events import EventKind, Evidence, Region, Stock, Tag, TagEvent, TagSource
from edge.tags.field_votes import OcrUse
from edge.tags.naming import value_of
from edge.tags.places import Changes, Instant, Place, Places
from edge.tags.reading import PRINTED
from edge.tags.shelf_checks import check_classes, names_of
from edge.tags.shelf_state import ShelfView
from edge.tags.stock import StockCounts
from edge.video.frame import Frame
from edge.zones import Shelf

_OCCLUDERS = ("person", "hand")
_COMPARISON = 2.0  # times the debounce: one for what is seen from the first picture on, one for what is found late
_BLOCKED = 0.1  # share of the zone behind people from which on nothing is compared
_LONGEST_BLOCK_S = 60.0  # in a place that is never free of people the comparison has to be made all the same


@dataclass(frozen=True, slots=True)
class _Away:
    """A product that is gone, and may be put back."""

    place: Place
    due_s: float


@dataclass(frozen=True, slots=True)
class _Picture:
    """What events tell of the frame that decided them."""

    now: Instant
    frame: Frame
    stages_ms: Mapping[str, float]


class ShelfInterpreter:
    """Watches one zone.

    Args:
        camera: Name of the camera.
        shelf: The zone, from the configuration.
        classes: The detector's, in the order of their ids.
        classifier: How products are classified, None where they are not.
        ocr: How fields on products are read, None where they are not.

    Raises:
        EdgekitError: The zone names a class that the detector does not know, or what the classifier does not tell.
    """

    def __init__(
        self,
        camera: str,
        shelf: Shelf,
        classes: Sequence[str],
        classifier: ClassifierUse | None = None,
        ocr: OcrUse | None = None,
    ) -> None:
        self._camera = camera
        self._shelf = shelf
        check_classes(camera, shelf, classes)
        self.know_classes(classes)
        self._names = names_of(camera, shelf, classifier, ocr)
        self._places = Places(shelf.debounce_s)
        self._away: list[_Away] = []
        self._stock = StockCounts(camera, shelf)
        self._pending = Changes()
        self._comparing = True
        self._began_s: float | None = None  # of the comparison, None before its first picture
        self._free_s: float | None = None  # since when nobody stands before the zone while it is compared
        self._last: _Picture | None = None

    def know_classes(self, classes: Sequence[str]) -> None:
        """Take the classes of a model that has come into use: those that were, and more behind them."""
        shelf = self._shelf
        occluders = set(_OCCLUDERS if shelf.occluders is None else shelf.occluders) - {*shelf.tags, *shelf.expected}
        counted = set(shelf.tags) or set(classes) - PRINTED - occluders
        self._classes = classes
        self._counted = np.array([name in counted for name in classes], np.bool_)
        self._occluding = np.array([name in occluders for name in classes], np.bool_)

    @property
    def view(self) -> ShelfView:
        """The zone as the newest picture left it."""
        seen_at = self._last.now.captured_at if self._last is not None else None
        return ShelfView(self._shelf.name, self._stock.state, seen_at, self._comparing)

    def step(self, frame: Frame, detections: Detections, stages_ms: Mapping[str, float]) -> list[TagEvent]:
        """Take the next frame.

        Args:
            frame: In the order of capture.
            detections: What the detector found in it, in its pixels.
            stages_ms: Milliseconds that it spent in each stage so far.
        """
        picture = _Picture(Instant(frame.media_s, frame.captured_at), frame, stages_ms)
        self._last = picture
        inside = self._inside(detections, frame) & self._counted[detections.class_id]
        occluders = detections.xyxy[self._occluding[detections.class_id]]
        changes = self._places.update(detections.where(inside), occluders, frame)
        if self._names is not None:
            changes = self._names.update(changes, frame, detections, self._classes)
        if self._comparing:
            self._pending = Changes(self._pending.come + changes.come, self._pending.gone + changes.gone)
            blocked = self._blocked(occluders, frame)
            return self._compare(picture, blocked=blocked)
        return self._tell(changes, picture)

    def wanted(self, most: int, *, read: bool) -> list[AnyCrop]:
        """Return crops of the newest frame to be looked at, see `Names.wanted`."""
        return self._names.wanted(most, read=read) if self._names is not None else []

    def hear(self, looks: Sequence[Look]) -> None:
        """Take what the classifier saw; what follows from it is told with the next frame."""
        if self._names is not None:
            self._names.hear(looks)

    def gap(self) -> list[TagEvent]:
        """Say that there were no pictures for a while: the state stays, and is compared with the next ones."""
        events = self._end_away(float("inf"))
        self._places.gap()
        if self._names is not None:
            self._names.gap()
        self._comparing, self._began_s, self._free_s = True, None, None
        return events

    def finish(self) -> list[TagEvent]:
        """Decide what is still away: no more frames will come."""
        return self._end_away(float("inf"))

    def _inside(self, detections: Detections, frame: Frame) -> NDArray[np.bool_]:
        """Return which detections (N,) have the middle of their box in the zone."""
        size = np.array((frame.width, frame.height), np.float32)
        polygon = np.array(self._shelf.corners, np.float32) * size
        middles = (detections.xyxy[:, :2] + detections.xyxy[:, 2:]) / 2
        return np.array(
            [cv2.pointPolygonTest(polygon, (float(x), float(y)), measureDist=False) >= 0 for x, y in middles], np.bool_
        )

    def _blocked(self, occluders: NDArray[np.float32], frame: Frame) -> bool:
        """Whether anybody stands before a good part of the zone."""
        corners = np.array(self._shelf.corners, np.float32) * np.array((frame.width, frame.height), np.float32)
        zone = np.concatenate([corners.min(axis=0), corners.max(axis=0)])[None]
        return bool((shared_areas(zone, occluders) > _BLOCKED * areas(zone)).any())

    def _compare(self, picture: _Picture, *, blocked: bool) -> list[TagEvent]:
        """Let pictures pass until what stands there is sure, then say all of it."""
        now_s = picture.now.media_s
        if self._began_s is None:
            self._began_s = now_s
        if self._free_s is None or (blocked and now_s - self._began_s < _LONGEST_BLOCK_S):
            self._free_s = now_s
        unnamed = self._names is not None and self._names.busy
        if unnamed or now_s - self._free_s < _COMPARISON * self._shelf.debounce_s:
            return []
        changes, self._pending, self._comparing = self._pending, Changes(), False
        events: list[TagEvent] = []
        if self._stock.state is not None:
            events += [self._removed(place, picture) for place in changes.gone]
            events += [self._product(EventKind.APPEARED, place, picture) for place in changes.come]
        events += self._misplaced(changes, picture)
        return events + self._count(picture, {}, everything=True)

    def _tell(self, changes: Changes, picture: _Picture) -> list[TagEvent]:
        events: list[TagEvent] = []
        since: dict[str, datetime] = {}
        for place in changes.gone:
            self._away.append(_Away(place, place.seen.media_s + self._shelf.put_back_s))
            since[self._tag(place)] = place.seen.captured_at
        for place in changes.come:
            events.append(self._came(place, picture))
            since[self._tag(place)] = place.since.captured_at
        events += self._end_away(picture.now.media_s)
        events += self._misplaced(changes, picture)
        return events + (self._count(picture, since) if since else [])

    def _came(self, place: Place, picture: _Picture) -> TagEvent:
        """Say that a product stands: one that was away, or a new one."""
        for away in self._away:
            if self._tag(away.place) == self._tag(place) and place.since.media_s <= away.due_s:
                self._away.remove(away)
                away_s = place.since.media_s - away.place.seen.media_s
                return self._product(EventKind.PUT_BACK, place, picture, away_s=round(max(away_s, 0.0), 3))
        return self._product(EventKind.APPEARED, place, picture)

    def _end_away(self, now_s: float) -> list[TagEvent]:
        """Say of what was away for too long that it was removed, unless just now one like it comes to stand."""
        over = [away for away in self._away if now_s >= away.due_s and not (now_s < float("inf") and self._rises(away))]
        self._away = [away for away in self._away if away not in over]
        return [self._removed(away.place, self._last) for away in over if self._last is not None]

    def _misplaced(self, changes: Changes, picture: _Picture) -> list[TagEvent]:
        expected, by = self._shelf.expected, self._shelf.count_by
        standing = self._standing
        strangers = [
            place
            for place in changes.come
            if place in standing
            and expected
            and self._tag(place) not in expected
            # Of what could not be named nobody can say that it does not belong here.
            and (by is None or value_of(place.tags, by) is not None)
        ]
        return [self._product(EventKind.MISPLACED, place, picture) for place in strangers]

    def _count(self, picture: _Picture, since: Mapping[str, datetime], *, everything: bool = False) -> list[TagEvent]:
        numbers = Counter(self._tag(place) for place in self._standing)
        said = self._stock.update(numbers, since, picture.now.captured_at, everything=everything)
        return [self._event(kind, stock, picture) for kind, stock in said]

    def _removed(self, place: Place, picture: _Picture) -> TagEvent:
        return self._product(EventKind.REMOVED, place, picture, since=place.seen.captured_at)

    def _product(
        self,
        kind: EventKind,
        place: Place,
        picture: _Picture,
        *,
        since: datetime | None = None,
        away_s: float | None = None,
    ) -> TagEvent:
        tag = self._tag(place)
        count = sum(self._tag(other) == tag for other in self._standing)
        stock = Stock(tag, count, since or place.since.captured_at, away_s=away_s)
        return self._event(kind, stock, picture, place)

    def _event(self, kind: EventKind, stock: Stock, picture: _Picture, place: Place | None = None) -> TagEvent:
        frame = picture.frame
        counted = [other for other in self._standing if self._tag(other) == stock.tag]
        # A count is as sure as the least sure product in it; of none it is the configuration that names the class.
        score = round(place.score if place is not None else min((other.score for other in counted), default=1.0), 4)
        regions = (Region(stock.tag, score, place.anchor),) if place is not None else ()
        return TagEvent(
            camera=self._camera,
            kind=kind,
            captured_at=frame.captured_at,
            clock=frame.clock,
            arrived_s=frame.arrived_s,
            frame_index=frame.index,
            frame_size=(frame.width, frame.height),
            zone=self._shelf.name,
            regions=regions,
            tags=self._tags_of(stock.tag, place, counted, score),
            stock=stock,
            stages_ms=picture.stages_ms,
            evidence=Evidence(frame, place.anchor) if place is not None else None,
        )

    @property
    def _standing(self) -> tuple[Place, ...]:
        """Where products stand of which it is known what they are to be told as."""
        names = self._names
        return tuple(place for place in self._places.standing if names is None or not names.holds(place))

    def _rises(self, away: _Away) -> bool:
        """Whether what is away may just be coming to stand again."""
        class_id = away.place.class_id
        unnamed = self._names is not None and self._names.rises(class_id, away.due_s)
        return unnamed or self._places.rises(class_id, away.due_s)

    def _tag(self, place: Place) -> str:
        by = self._shelf.count_by
        value = value_of(place.tags, by) if by is not None else None
        return value if value is not None else self._classes[place.class_id]

    def _tags_of(self, name: str, place: Place | None, counted: Sequence[Place], score: float) -> tuple[Tag, ...]:
        """Return what is known of a product, or of all products of a name together."""
        if place is not None:
            return (Tag("class", self._classes[place.class_id], score, TagSource.DETECTOR), *place.tags)
        by = self._shelf.count_by
        told = [tag for other in counted for tag in other.tags if tag.key == by]
        if by is None or (not told and name in self._classes and name not in self._shelf.expected):
            return (Tag("class", name, score, TagSource.DETECTOR),)
        least = min(told, key=lambda tag: tag.score, default=Tag(by, name, 1.0, TagSource.CLASSIFIER))
        return (least,)

"""The places in which products stand: what comes to stand in a zone and what is gone from it, each once it is sure.

Counts of single frames mean little: hands and people stand before the shelf, and a detector misses one product of
many now and then. So each place is judged on its own. A product stands once it was seen at rest there in nearly all
frames for a while; a place is empty once it was open to view, calm, and without the product for as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections, areas, iou_matrix, shared_areas
from edge.tags.calm import Calm
from edge.tags.events import Tag, Xyxy
from edge.video.frame import Frame

_SAME_PLACE = 0.3  # IoU above which a detection continues a place
_AT_REST = 0.5  # IoU with where it was first seen, below which a product is still being moved
_TWIN = 0.6  # IoU above which two boxes are one product, whatever classes they have
_HITS = 0.7  # share of the frames in which a product must be seen before it stands
_HIDDEN = 0.3  # share of a place behind somebody from which on nothing is known of it
_RESTLESS_S = 30.0  # a place that is not calm for so long never is: what moves there is no hand


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment on a camera's time line, and its capture time (UTC)."""

    media_s: float
    captured_at: datetime


@dataclass(slots=True, eq=False)
class Place:
    """Where one product stands, or may come to stand.

    Attributes:
        class_id: Of the product.
        box: Where it was last seen, pixels.
        score: Of that detection.
        since: When it was first seen at rest there.
        seen: When it was last seen.
        anchor: Where it stood when `since` began; a hand that takes it may have been followed from there for a bit.
        looks: Frames since then in which the place was open to view.
        hits: Frames of those in which the product was seen.
        empty_since: Since when the place is open to view, calm and without the product; None while it is not.
        calm: How it looked then.
        tags: What a classifier says of the product, once it is told.
    """

    class_id: int
    box: Xyxy
    score: float
    since: Instant
    seen: Instant
    anchor: Xyxy
    looks: int = 1
    hits: int = 1
    empty_since: Instant | None = None
    calm: Calm | None = None
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What became sure with one frame: products that came to stand, and products that are gone."""

    come: tuple[Place, ...] = ()
    gone: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class _Match:
    """The product, by row, that continues a place, and whether it is where that began."""

    row: int
    at_rest: bool


class Places:
    """The places of one zone.

    Args:
        debounce_s: Seconds for which a product must stand, or its place be seen empty.
    """

    def __init__(self, debounce_s: float) -> None:
        self._debounce_s = debounce_s
        self._standing: list[Place] = []
        self._rising: list[Place] = []

    @property
    def standing(self) -> tuple[Place, ...]:
        """Where products stand, the latest last."""
        return tuple(self._standing)

    def rises(self, class_id: int, by_s: float) -> bool:
        """Whether a product of a class may just be coming to stand that was first seen by then."""
        return any(place.class_id == class_id and place.since.media_s <= by_s for place in self._rising)

    def update(self, products: Detections, occluders: NDArray[np.float32], frame: Frame) -> Changes:
        """Look at the next frame.

        Args:
            products: In the zone, of the classes that count there.
            occluders: (M, 4) xyxy of people and hands, pixels.
            frame: The frame in which they were found.
        """
        now = Instant(frame.media_s, frame.captured_at)
        products = _without_twins(products)
        places = [*self._standing, *self._rising]
        matched = _matches(places, products)
        hidden = _hidden(places, occluders)
        for index, place in enumerate(places):
            match = matched.get(index)
            if match is not None:
                _see(place, products, match, now)
            elif hidden[index]:
                place.empty_since = place.calm = None
                place.since, place.looks, place.hits = now, 0, 0  # what was seen for a moment only does not stand
            else:
                place.looks += 1
                _look_at_empty(place, frame, now)
        taken = {match.row for match in matched.values()}
        self._rising += [_begin(products, row, now) for row in range(len(products)) if row not in taken]
        return self._decide(now)

    def gap(self) -> None:
        """Hold fast what stands; whatever was under way begins anew with the next frame."""
        self._rising.clear()
        for place in self._standing:
            place.empty_since = place.calm = None

    def _decide(self, now: Instant) -> Changes:
        ripe = [place for place in self._rising if now.media_s - place.since.media_s >= self._debounce_s]
        risen = [place for place in ripe if place.hits and place.hits >= _HITS * place.looks]
        self._rising = [place for place in self._rising if place not in ripe]
        empty = [place for place in self._standing if place.empty_since is not None]
        come = [place for place in risen if not _moved(empty, place)]
        for place in come:
            place.anchor = place.box  # it may have been set down in between
        due = [
            place
            for place in self._standing
            if place.empty_since is not None and now.media_s - place.empty_since.media_s >= self._debounce_s
        ]
        gone = [place for place in due if not self._found_elsewhere(place)]
        self._standing = [place for place in self._standing if place not in gone] + come
        return Changes(tuple(come), tuple(gone))

    def _found_elsewhere(self, place: Place) -> bool:
        """Whether a product of the class is about to stand elsewhere in the zone; if so, it is the same one, moved."""
        for rising in self._rising:
            if _moved([place], rising):
                self._rising.remove(rising)
                return True
        return False


def _moved(empty: list[Place], come: Place) -> bool:
    """Take a product that came to stand for one that just left its place in the zone, where there is one."""
    for place in empty:
        if place.empty_since is None or place.class_id != come.class_id or come.since.media_s <= place.seen.media_s:
            continue
        place.box, place.anchor, place.score, place.seen = come.box, come.box, come.score, come.seen
        place.empty_since = place.calm = None
        return True
    return False


def _begin(products: Detections, row: int, now: Instant) -> Place:
    box = _box(products, row)
    return Place(int(products.class_id[row]), box, float(products.score[row]), now, now, box)


def _see(place: Place, products: Detections, match: _Match, now: Instant) -> None:
    place.box, place.score, place.seen = _box(products, match.row), float(products.score[match.row]), now
    place.looks, place.hits = place.looks + 1, place.hits + 1
    place.empty_since = place.calm = None
    if not match.at_rest:
        place.anchor, place.since, place.looks, place.hits = place.box, now, 1, 1


def _look_at_empty(place: Place, frame: Frame, now: Instant) -> None:
    """Begin to wait, or begin anew where something moves in a place in which the product is not seen."""
    if place.calm is None:
        place.empty_since, place.calm = now, Calm(frame.luma, place.anchor)
    elif now.media_s - place.seen.media_s < _RESTLESS_S:
        looks = place.calm.again(frame.luma)
        if not looks.like(place.calm):
            place.empty_since, place.calm = now, looks


def _matches(places: Sequence[Place], products: Detections) -> dict[int, _Match]:
    """Return which product continues each place, by index: best overlap first."""
    if not places or not len(products):
        return {}
    last = np.array([place.box for place in places], np.float32)
    stood = np.array([place.anchor for place in places], np.float32)
    same = np.array([place.class_id for place in places])[:, None] == products.class_id
    with_anchor = iou_matrix(stood, products.xyxy)
    overlap = np.where(same, np.maximum(iou_matrix(last, products.xyxy), with_anchor), 0.0)
    matched: dict[int, _Match] = {}
    taken: set[int] = set()
    for flat in np.argsort(-overlap, axis=None, kind="stable"):
        index, row = divmod(int(flat), len(products))
        if overlap[index, row] < _SAME_PLACE:
            break
        if index not in matched and row not in taken:
            taken.add(row)
            matched[index] = _Match(row, at_rest=bool(with_anchor[index, row] >= _AT_REST))
    return matched


def _hidden(places: Sequence[Place], occluders: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which places (P,) are behind somebody."""
    if not len(occluders):
        return np.zeros(len(places), np.bool_)
    boxes = np.array([place.anchor for place in places], np.float32).reshape(-1, 4)
    share = shared_areas(boxes, occluders) / np.maximum(areas(boxes), 1e-9)[:, None]
    return share.max(axis=1, initial=0.0) > _HIDDEN


def _without_twins(products: Detections) -> Detections:
    """Return products (N,) without those that lie on a surer one: one product may have been taken for two classes."""
    if len(products) < 2:  # noqa: PLR2004 - one has no twin
        return products
    kept: list[int] = []
    overlap = iou_matrix(products.xyxy, products.xyxy)
    for row in np.argsort(-products.score, kind="stable"):
        if not (overlap[row, kept] > _TWIN).any():
            kept.append(int(row))
    return products.where(np.array(kept, np.intp))


def _box(products: Detections, row: int) -> Xyxy:
    left, top, right, bottom = products.xyxy[row].tolist()
    return left, top, right, bottom

"""Shelf zones from arrays: products come and go, people pass, and what is told is what became of the stock."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import EdgekitError
from edge.model.detections import Detections
from edge.tags.events import EventKind, TagEvent
from edge.tags.shelf import ShelfInterpreter
from edge.video.frame import ClockSource, Frame
from edge.zones import Shelf

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CLASSES = ("cola", "water", "person", "barcode")
STEP_S = 0.25
PLACES = 6
K = EventKind


def zone(**changes: Any) -> Shelf:
    settings: dict[str, Any] = {
        "name": "left",
        "rectangle": (0.0, 0.0, 1.0, 0.75),
        "debounce_s": 1.0,
        "put_back_s": 5.0,
    }
    return Shelf.model_validate({**settings, **changes})


@dataclass(frozen=True)
class Thing:
    """Something in the picture: its class, and its place on the shelf, by number, or its box."""

    label: str
    place: int = 0
    box: tuple[float, float, float, float] | None = None

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        left = 10.0 + 100 * self.place
        return self.box or (left, 40.0, left + 60, 160.0)


def cola(*places: int) -> list[Thing]:
    return [Thing("cola", place) for place in places]


def found(things: Iterable[Thing]) -> Detections:
    rows = list(things)
    return Detections(
        np.array([thing.xyxy for thing in rows], np.float32).reshape(-1, 4),
        np.full(len(rows), 0.9, np.float32),
        np.array([CLASSES.index(thing.label) for thing in rows], np.int32),
    )


class Film:
    """Plays scenes to a zone, each for so many seconds, and keeps what it tells."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.half = ShelfInterpreter("wall", shelf or zone(), CLASSES)
        self.index = 0
        self.late_s = 0.0
        self.events: list[TagEvent] = []

    @property
    def now_s(self) -> float:
        return self.index * STEP_S + self.late_s

    def show(self, things: Sequence[Thing], seconds: float, image: np.ndarray | None = None) -> list[TagEvent]:
        told: list[TagEvent] = []
        for _ in range(round(seconds / STEP_S)):
            told += self.frame(things, image)
        return told

    def frame(self, things: Sequence[Thing], image: np.ndarray | None = None) -> list[TagEvent]:
        picture = np.full((240, 640, 3), 90, np.uint8) if image is None else image
        at = START + timedelta(seconds=self.now_s)
        frame = Frame("wall", self.index, at, ClockSource.FILE, self.now_s, self.now_s, picture)
        told = self.half.step(frame, found(things), {"infer": 1.0})
        self.index += 1
        self.events += told
        return told

    def gap(self, seconds: float) -> list[TagEvent]:
        self.late_s += seconds
        told = self.half.gap()
        self.events += told
        return told

    def finish(self) -> list[TagEvent]:
        told = self.half.finish()
        self.events += told
        return told

    @property
    def counts(self) -> dict[str, int]:
        state = self.half.view.state
        assert state is not None
        return {count.tag: count.count for count in state.counts}


def kinds(events: Iterable[TagEvent]) -> list[str]:
    return [event.kind.value for event in events]


def said(events: Iterable[TagEvent]) -> list[tuple[str, str, int]]:
    return [(event.kind.value, event.stock.tag, event.stock.count) for event in events if event.stock is not None]


def test_the_first_pictures_say_what_stands_there_and_nothing_appeared():
    film = Film()
    told = film.show([*cola(0, 1), Thing("water", 2)], 4)
    assert said(told) == [("count", "cola", 2), ("count", "water", 1)]
    assert [event.stock.before for event in told if event.stock] == [None, None]
    assert film.counts == {"cola": 2, "water": 1}


def test_a_state_is_unknown_until_it_was_compared():
    film = Film()
    film.show(cola(0), 1)
    assert film.half.view.state is None
    assert film.half.view.comparing
    assert film.half.view.seen_at == START + timedelta(seconds=0.75)


def test_an_empty_zone_says_nothing_and_has_a_state():
    film = Film()
    assert film.show([], 4) == []
    assert film.counts == {}


def test_a_product_that_stays_away_is_a_count_at_once_and_removed_in_the_end():
    film = Film()
    film.show(cola(0, 1, 2), 4)
    assert said(film.show(cola(0, 2), 2)) == [("count", "cola", 2)]
    (removed,) = film.show(cola(0, 2), 8)
    assert removed.kind is K.REMOVED
    assert removed.stock is not None
    assert removed.stock.since == START + timedelta(seconds=3.75)  # the last picture in which it stood
    assert removed.regions[0].xyxy == Thing("cola", 1).xyxy


def test_a_product_that_is_back_in_time_was_put_back_and_neither_removed_nor_appeared():
    film = Film()
    film.show(cola(0, 1), 4)
    film.show(cola(0), 3)
    told = film.show(cola(0, 1), 3)
    assert said(told) == [("put_back", "cola", 2), ("count", "cola", 2)]
    assert told[0].stock is not None
    assert told[0].stock.away_s == pytest.approx(3.25)
    film.show(cola(0, 1), 20)
    assert Counter(kinds(film.events)) == {"count": 3, "put_back": 1}


def test_a_product_may_be_put_back_to_another_place():
    film = Film()
    film.show(cola(0, 1), 4)
    film.show(cola(0), 3)
    (back, _) = film.show(cola(0, 4), 2)
    assert back.kind is K.PUT_BACK
    assert back.regions[0].xyxy == Thing("cola", 4).xyxy


def test_a_product_that_comes_back_too_late_was_removed_and_appeared():
    film = Film()
    film.show(cola(0, 1), 4)
    film.show(cola(0), 7)
    film.show(cola(0, 1), 3)
    assert kinds(film.events) == ["count", "count", "removed", "appeared", "count"]


def test_what_comes_to_stand_just_in_time_is_waited_for():
    film = Film()
    film.show(cola(0, 1), 4)  # last seen at 3.75, so due at 8.75
    film.show(cola(0), 4.5)
    film.show(cola(0, 1), 3)  # from 8.5 on, sure at 9.5
    assert kinds(film.events) == ["count", "count", "put_back", "count"]


def test_nothing_is_put_back_where_no_time_is_given_for_it():
    film = Film(zone(put_back_s=0))
    film.show(cola(0, 1), 4)
    film.show(cola(0), 2)
    film.show(cola(0, 1), 2)
    assert kinds(film.events) == ["count", "removed", "count", "appeared", "count"]


def test_another_product_does_not_stand_for_the_one_that_is_away():
    film = Film()
    film.show(cola(0, 1), 4)
    film.show(cola(0), 2)
    told = film.show([*cola(0), Thing("water", 1)], 2)
    assert said(told) == [("appeared", "water", 1), ("count", "water", 1)]


def test_of_two_that_are_away_the_first_is_back_first():
    film = Film()
    film.show(cola(0, 1, 2), 4)
    film.show(cola(0, 2), 2)
    film.show(cola(0), 2)
    told = film.show(cola(0, 1), 2)
    assert told[0].stock is not None
    assert told[0].stock.away_s == pytest.approx(4.25)
    assert kinds(film.show(cola(0, 1), 10)) == ["removed"]


@pytest.mark.parametrize("seconds", [0.25, 0.5, 0.75])
def test_a_short_absence_is_none(seconds: float):
    film = Film()
    film.show(cola(0, 1), 4)
    film.show(cola(0), seconds)
    assert film.show(cola(0, 1), 10) == []


def test_what_passes_through_the_zone_does_not_stand_there():
    film = Film()
    film.show(cola(0), 4)
    for step in range(20):  # a product in a hand that is never at rest
        left = 120.0 + 25 * step
        assert film.frame([*cola(0), Thing("cola", box=(left, 40, left + 60, 160))]) == []
    assert film.show(cola(0), 5) == []


def test_a_product_that_is_moved_within_the_zone_is_no_event():
    film = Film()
    film.show(cola(0, 1), 4)
    assert film.show(cola(0, 5), 10) == []
    assert film.counts == {"cola": 2}


def test_behind_a_person_nothing_is_removed_however_long_they_stand_there():
    film = Film()
    film.show(cola(0, 1, 2), 4)
    person = Thing("person", box=(0, 0, 180, 240))
    assert film.show([*cola(2), person], 60) == []
    assert film.show(cola(0, 1, 2), 5) == []


def test_what_was_taken_behind_a_person_is_told_when_they_are_gone():
    film = Film()
    film.show(cola(0, 1, 2), 4)
    film.show([*cola(2), Thing("person", box=(0, 0, 180, 240))], 10)
    assert said(film.show(cola(0, 2), 2)) == [("removed", "cola", 2), ("count", "cola", 2)]  # for so long it was away


def test_before_a_person_nothing_is_counted_for_the_first_time():
    film = Film()
    assert film.show([*cola(2), Thing("person", box=(0, 0, 180, 240))], 10) == []
    assert said(film.show(cola(0, 1, 2), 3)) == [("count", "cola", 3)]


def test_a_person_is_a_product_where_the_configuration_counts_people():
    film = Film(zone(tags=["person"]))
    assert said(film.show([Thing("person", 1), *cola(0)], 4)) == [("count", "person", 1)]


def test_while_something_moves_in_its_place_a_product_is_not_gone():
    film = Film()
    film.show(cola(0, 1), 4)
    for step in range(20):  # a hand that the model has no class for
        image = np.full((240, 640, 3), 90, np.uint8)
        cv2.rectangle(image, (105 + step % 5 * 10, 0), (135 + step % 5 * 10, 140), (140, 170, 210), cv2.FILLED)
        assert film.frame(cola(0), image) == []
    assert said(film.show(cola(0), 2)) == [("removed", "cola", 1), ("count", "cola", 1)]


def test_what_never_rests_hides_a_product_for_half_a_minute_only():
    film = Film()
    film.show(cola(0, 1), 4)
    blinking = np.full((2, 240, 640, 3), 90, np.uint8)
    blinking[1, 40:100, 110:170] = 150
    told = {step: film.frame(cola(0), blinking[step % 2]) for step in range(140)}
    (decided,) = (step for step, events in told.items() if events)
    assert decided * STEP_S == pytest.approx(30.5, abs=0.5)


def test_a_light_that_goes_on_is_no_movement():
    film = Film()
    film.show(cola(0, 1), 4)
    film.show(cola(0), 0.75, np.full((240, 640, 3), 90, np.uint8))
    assert said(film.show(cola(0), 0.75, np.full((240, 640, 3), 150, np.uint8))) == [("count", "cola", 1)]


def test_a_product_that_the_detector_misses_now_and_then_stands():
    film = Film()
    film.show(cola(0, 1, 2, 3), 4)
    for step in range(80):  # one of four is missed in every picture, each in turn
        assert film.frame([thing for thing in cola(0, 1, 2, 3) if thing.place != step % 4]) == []


def test_a_small_product_that_is_missed_just_as_it_comes_to_stand_is_told_and_then_gone():
    film = Film()
    film.show([], 3)
    film.show([Thing("cola", box=(10, 40, 40, 80))], STEP_S)
    film.show([Thing("cola", box=(10, 40, 40, 90))], 3 * STEP_S)  # its place is now looked at in more cells
    assert said(film.show([], STEP_S)) == [("appeared", "cola", 1), ("count", "cola", 1)]
    assert said(film.show([], 8)) == [("count", "cola", 0), ("removed", "cola", 0)]


def test_a_product_that_is_found_now_and_then_does_not_stand():
    film = Film()
    film.show(cola(0), 4)
    for step in range(80):
        assert film.frame(cola(0, 1) if step % 2 else cola(0)) == []


def test_a_product_that_is_taken_for_two_classes_is_one():
    film = Film()
    twice = [Thing("cola", 0), Thing("water", box=(12, 42, 72, 160))]
    assert sum(film_count for _, _, film_count in said(film.show(twice, 4))) == 1


def test_what_lies_outside_of_the_zone_or_does_not_count_is_not_counted():
    film = Film(zone(tags=["cola"]))
    things = [*cola(0), Thing("water", 1), Thing("barcode", 2), Thing("cola", box=(300, 180, 360, 240))]
    assert said(film.show(things, 4)) == [("count", "cola", 1)]


def test_a_polygon_bounds_a_zone_as_it_is_drawn():
    film = Film(zone(rectangle=None, polygon=[(0, 0), (1, 0), (0, 1)]))
    assert said(film.show(cola(0, 1, 2, 3, 4, 5), 4)) == [("count", "cola", 4)]


def test_low_out_and_overstock_are_each_said_once_as_they_begin():
    film = Film(zone(expected=["cola"], min=2, max=3, put_back_s=0))
    for places in ((0, 1), (0, 1, 2, 3), (0, 1), (0,), (), (0,), (0, 1, 2)):
        film.show(cola(*places), 4)
    bounds = [entry for entry in said(film.events) if entry[0] not in ("count", "appeared", "removed")]
    assert bounds == [
        ("overstock", "cola", 4),
        ("low_stock", "cola", 1),
        ("out_of_stock", "cola", 0),
        ("low_stock", "cola", 1),
    ]
    limits = [event.stock.limit for event in film.events if event.stock is not None and event.stock.limit is not None]
    assert limits == [3, 2, 2, 2]


def test_a_shelf_that_is_found_empty_is_out_of_stock():
    film = Film(zone(expected=["cola"]))
    assert said(film.show([], 4)) == [("count", "cola", 0), ("out_of_stock", "cola", 0)]
    assert film.counts == {"cola": 0}


def test_a_product_where_another_is_expected_is_misplaced():
    film = Film(zone(expected=["cola"]))
    assert ("misplaced", "water", 1) in said(film.show([*cola(0), Thing("water", 1)], 4))
    assert said(film.show([*cola(0), Thing("water", 1), Thing("water", 2)], 2)) == [
        ("appeared", "water", 2),
        ("misplaced", "water", 2),
        ("count", "water", 2),
    ]


def test_a_class_that_is_not_expected_leaves_the_state_when_the_last_is_gone():
    film = Film(zone(expected=["cola"]))
    film.show([*cola(0), Thing("water", 1)], 4)
    assert said(film.show(cola(0), 2)) == [("count", "water", 0)]
    assert film.counts == {"cola": 1}


def test_a_camera_that_sees_nothing_leaves_the_state_and_all_is_said_anew_after_it():
    film = Film()
    film.show(cola(0, 1), 4)
    assert film.gap(600) == []
    assert film.counts == {"cola": 2}
    assert film.half.view.comparing
    told = film.show(cola(0, 1), 4)
    assert said(told) == [("count", "cola", 2)]
    assert told[0].stock is not None
    assert told[0].stock.before == 2
    assert not film.half.view.comparing


def test_what_changed_in_a_gap_is_said_after_it_without_waiting_for_it_to_be_put_back():
    film = Film()
    film.show([*cola(0, 1), Thing("water", 3)], 4)
    film.gap(600)
    told = film.show([*cola(0), Thing("water", 3), Thing("water", 4)], 4)
    assert said(told) == [
        ("removed", "cola", 1),
        ("appeared", "water", 2),
        ("count", "cola", 1),
        ("count", "water", 2),
    ]
    assert told[0].stock is not None
    assert told[0].stock.since == START + timedelta(seconds=3.75)


def test_what_is_away_when_a_gap_comes_is_removed():
    film = Film()
    film.show(cola(0, 1), 4)
    film.show(cola(0), 2)
    assert kinds(film.gap(10)) == ["removed"]
    assert said(film.show(cola(0, 1), 4)) == [("appeared", "cola", 2), ("count", "cola", 2)]


def test_what_is_away_at_the_end_is_removed():
    film = Film()
    film.show(cola(0, 1), 4)
    film.show(cola(0), 2)
    assert said(film.finish()) == [("removed", "cola", 1)]
    assert film.finish() == []


def test_a_picture_now_and_then_is_enough():
    film = Film(zone(put_back_s=60))
    for _ in range(4):
        film.frame(cola(0, 1))
        film.late_s += 10
    told: list[TagEvent] = []
    for _ in range(3):
        told += film.frame(cola(0))
        film.late_s += 10
    assert said(told) == [("count", "cola", 1)]


def test_without_debounce_every_picture_counts():
    film = Film(zone(debounce_s=0, put_back_s=0))
    assert said(film.frame(cola(0))) == [("count", "cola", 1)]
    assert kinds(film.frame(cola(0, 1))) == ["appeared", "count"]


def test_a_class_that_the_model_does_not_know_is_refused_with_those_that_it_knows():
    with pytest.raises(EdgekitError, match=r"shelf left of camera wall names bottle.*its classes are cola, water"):
        Film(zone(expected=["bottle"]))


scenes = st.lists(
    st.tuples(
        st.sets(st.tuples(st.sampled_from(["cola", "water"]), st.integers(0, PLACES - 1)), max_size=5),
        st.integers(1, 14),
        st.sampled_from(["", "", "", "gap", "person"]),
    ),
    min_size=1,
    max_size=12,
)


@given(script=scenes, put_back_s=st.sampled_from([0.0, 2.0, 5.0]), debounce_s=st.sampled_from([0.0, 0.5, 1.0]))
def test_what_appeared_and_was_removed_always_adds_up_to_the_count(
    script: list[tuple[set[tuple[str, int]], int, str]], put_back_s: float, debounce_s: float
):
    film = Film(zone(put_back_s=put_back_s, debounce_s=debounce_s))
    for products, frames, also in script:
        things = [Thing(label, place) for place, label in {place: label for label, place in products}.items()]
        if also == "gap":
            film.gap(3)
        if also == "person":
            things.append(Thing("person", box=(0, 0, 320, 240)))
        film.show(things, frames * STEP_S)
        stock = ledger(film.events)
        assert all(stock.balance[tag] - stock.said[tag] in range(PLACES if put_back_s else 1) for tag in CLASSES[:2])
        if film.half.view.state is not None:
            assert film.counts == {tag: count for tag, count in stock.said.items() if count}
    film.finish()
    stock = ledger(film.events)
    assert all(stock.balance[tag] == stock.said[tag] for tag in CLASSES[:2])


@dataclass(frozen=True)
class Ledger:
    """What a consumer knows that only adds up: from single products, and from counts."""

    balance: Counter[str]
    said: Counter[str]


def ledger(events: Iterable[TagEvent]) -> Ledger:
    balance: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for event in events:
        assert event.stock is not None
        tag = event.stock.tag
        match event.kind:
            case K.COUNT:
                if event.stock.before is None:
                    balance[tag] = event.stock.count
                else:
                    assert event.stock.before == counted[tag]
                counted[tag] = event.stock.count
            case K.APPEARED:
                balance[tag] += 1
            case K.REMOVED:
                balance[tag] -= 1
            case _:
                pass
    return Ledger(balance, counted)


@given(
    passers=st.lists(st.tuples(st.integers(1, 3), st.sets(st.integers(0, 3)), st.integers(0, 640)), max_size=8),
)
def test_a_passer_by_shorter_than_the_debounce_gives_no_event(passers: list[tuple[int, set[int], int]]):
    film = Film()
    film.show(cola(0, 1, 2, 3), 4)
    for frames, hidden, x in passers:
        image = np.full((240, 640, 3), 90, np.uint8)
        cv2.rectangle(image, (x - 60, 0), (x + 60, 240), (30, 30, 30), cv2.FILLED)
        for _ in range(frames):
            assert film.frame([thing for thing in cola(0, 1, 2, 3) if thing.place not in hidden], image) == []
        assert film.show(cola(0, 1, 2, 3), 0.5) == []


@given(away=st.integers(6, 17), place=st.integers(0, PLACES - 1), kept=st.sets(st.integers(0, PLACES - 1), max_size=3))
def test_a_product_that_is_back_in_time_is_exactly_one_put_back(away: int, place: int, kept: set[int]):
    film = Film()
    rest = cola(*(kept - {place}))
    film.show([*rest, *cola(place)], 4)
    film.show(rest, away * STEP_S)
    film.show([*rest, *cola(place)], 20)
    film.finish()
    assert Counter(kinds(film.events)) == {"put_back": 1, "count": 3}

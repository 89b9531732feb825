"""A line is crossed once, in the direction that a person sees, however a parcel dithers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.tags.line import Crossing, LineZone
from edge.zones import Line

UPRIGHT = Line(name="l", start=(0.5, 1.0), end=(0.5, 0.0), hysteresis=0.02)
ZONE = LineZone(UPRIGHT, 1000, 500)


def crossings(xs: list[float], zone: LineZone = ZONE) -> list[str]:
    crossing = Crossing()
    return [direction for x in xs if (direction := crossing.step(zone, x, 250)) is not None]


def test_from_left_to_right_of_an_upright_line_drawn_upwards_is_left_to_right():
    assert crossings([100, 400, 499, 501, 519, 521, 700]) == ["left_to_right"]


def test_the_way_back_is_told_as_right_to_left():
    assert crossings([600, 400]) == ["right_to_left"]


def test_what_first_appears_beyond_the_line_has_not_crossed_it():
    assert crossings([600, 700, 800]) == []


@given(st.lists(st.floats(481, 519)))
def test_dithering_within_the_hysteresis_crosses_nothing(xs: list[float]):
    assert crossings([400, *xs, 400]) == []
    assert crossings([400, *xs, 600]) == ["left_to_right"]


@given(st.lists(st.floats(0, 1000)))
def test_crossings_alternate(xs: list[float]):
    told = crossings(xs)
    assert all(before != after for before, after in pairwise(told))


def test_a_line_for_one_direction_does_not_tell_the_other():
    one_way = LineZone(UPRIGHT.model_copy(update={"direction": "left_to_right"}), 1000, 500)
    assert crossings([600, 400, 600], one_way) == ["left_to_right"]


@pytest.mark.parametrize(("y", "told"), [(10, 0), (250, 1), (490, 0)])
def test_a_short_line_is_crossed_only_beside_it(y: float, told: int):
    short = LineZone(Line(name="s", start=(0.5, 0.8), end=(0.5, 0.2)), 1000, 500)
    crossing = Crossing()
    steps = [crossing.step(short, x, y) for x in (400, 600)]
    assert sum(step is not None for step in steps) == told

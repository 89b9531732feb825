"""The score counts what went wrong, and cannot be pleased by what it does not look for."""

from hypothesis import given
from hypothesis import strategies as st

from edge.demo.score import Decision, Parcel, score

PARCELS = (Parcel(1, (1.0,), "A"), Parcel(2, (2.0, 2.6, 3.1), "B"), Parcel(3, (4.0,), None))


def test_each_parcel_told_once_and_rightly_passes():
    result = score(PARCELS, (Decision(1.05, ("A",)), Decision(2.0, ("B",)), Decision(4.1, ())))
    assert (result.seen, result.read, result.no_read, result.surplus) == (3, 2, 1, 0)
    assert result.passed


def test_a_second_event_for_a_parcel_that_rolled_back_is_surplus():
    decisions = (Decision(1.0, ("A",)), Decision(2.0, ("B",)), Decision(3.1, ("B",)), Decision(4.0, ()))
    assert score(PARCELS, decisions).surplus == 1
    assert not score(PARCELS, decisions).passed


def test_swapped_texts_are_wrong_twice():
    result = score(PARCELS, (Decision(1.0, ("B",)), Decision(2.0, ("A",)), Decision(4.0, ())))
    assert result.wrong == ((1, "B"), (2, "A"))
    assert result.read == 0


def test_a_text_on_a_parcel_that_has_none_is_wrong():
    result = score(PARCELS, (Decision(1.0, ("A",)), Decision(2.0, ("B",)), Decision(4.0, ("X",))))
    assert result.wrong == ((3, "X"),)
    assert not result.passed


def test_a_missing_event_names_the_parcel():
    result = score(PARCELS, (Decision(1.0, ("A",)), Decision(4.0, ())))
    assert result.missed == (2,)
    assert not result.passed


def test_a_parcel_with_two_texts_is_not_counted_as_read():
    result = score(PARCELS, (Decision(1.0, ("A", "Z")), Decision(2.0, ("B",)), Decision(4.0, ())))
    assert result.read == 1
    assert result.wrong == ((1, "Z"),)


@given(st.lists(st.floats(0, 10), max_size=8))
def test_every_event_is_either_given_to_one_parcel_or_surplus(times: list[float]):
    result = score(PARCELS, tuple(Decision(at_s, ()) for at_s in times))
    assert result.seen + result.surplus == len(times)
    assert result.seen + len(result.missed) == len(PARCELS)

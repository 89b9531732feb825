"""The score counts what went wrong, and cannot be pleased by what it does not look for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.demo.score import Decision, Parcel, score
from edge.demo.show import CLIP, load_truth
from edge.demo.truth import ClipTruth

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


def test_a_clips_clock_stands_while_its_belt_does():
    truth = load_truth(CLIP).model_copy(update={"standing_frames": ((30, 59), (90, 104))})
    told = [truth.moved_s(frame) * truth.fps for frame in (0, 29, 30, 59, 60, 89, 100, 105)]
    assert [round(frames) for frames in told] == [0, 29, 29, 29, 30, 59, 59, 60]


@pytest.mark.parametrize("stretches", [((9, 5),), ((5, 9), (8, 12)), ((0, 10**9),)])
def test_stretches_that_cannot_be_are_refused(stretches: tuple[tuple[int, int], ...]):
    record = load_truth(CLIP).model_dump(by_alias=True) | {"standing_frames": stretches}
    with pytest.raises(ValidationError, match="standing_frames must be of the clip"):
        ClipTruth.model_validate(record)

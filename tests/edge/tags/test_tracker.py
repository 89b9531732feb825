"""Each parcel stays one parcel: through misses, stops, a belt that rolls back, and neighbours that touch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.model.detections import Detections
from edge.tags.tracker import Tracker

FPS = 30.0


def boxes_at(*lefts: float, width: float = 100, score: float = 0.9) -> Detections:
    rows = np.array([[left, 50, left + width, 150] for left in lefts], np.float32).reshape(-1, 4)
    return Detections(rows, np.full(len(rows), score, np.float32), np.zeros(len(rows), np.int32))


def ids_of(tracker: Tracker, frames: list[Detections], start: int = 0) -> list[list[int]]:
    return [tracker.update(frame, (start + index) / FPS).track_id.tolist() for index, frame in enumerate(frames)]


def test_a_parcel_keeps_its_id_along_the_belt():
    ids = ids_of(Tracker(), [boxes_at(10 * index) for index in range(60)])
    assert ids[0] == []  # one frame alone is no parcel yet
    assert {tuple(row) for row in ids[1:]} == {(1,)}


def test_a_parcel_that_is_missed_for_half_a_second_keeps_its_id():
    frames = [boxes_at(10 * index) if index not in range(20, 35) else Detections.empty() for index in range(60)]
    assert {tuple(row) for row in ids_of(Tracker(), frames) if row} == {(1,)}


def test_skipped_frames_change_nothing_as_time_is_reckoned_in_seconds():
    tracker = Tracker()
    ids = [tracker.update(boxes_at(8 * index), index / FPS).track_id.tolist() for index in range(0, 90, 5)]
    assert {tuple(row) for row in ids[1:]} == {(1,)}


def test_a_belt_that_stops_and_rolls_back_loses_nobody():
    there = [10 * index for index in range(30)]
    lefts = [*there, *[290] * 20, *reversed(there), *there]
    ids = ids_of(Tracker(), [boxes_at(left, left + 101) for left in lefts])
    assert {tuple(sorted(row)) for row in ids[1:]} == {(1, 2)}


def test_touching_parcels_do_not_swap_ids():
    ids = ids_of(Tracker(), [boxes_at(6 * index, 6 * index + 100, 6 * index + 200) for index in range(80)])
    assert {tuple(row) for row in ids[1:]} == {(1, 2, 3)}


@pytest.mark.parametrize("hole_frames", range(4, 12))
def test_a_hole_in_which_the_belt_moves_by_a_parcels_length_swaps_nobody(hole_frames: int):
    pitch, speed = 130.0, 500 / FPS
    belt = [-pitch * number for number in range(3)]
    tracker = Tracker()
    frames = [*range(20), *range(20 + hole_frames, 40 + hole_frames)]
    ids = [
        tracker.update(boxes_at(*[left + speed * index for left in belt]), index / FPS).track_id.tolist()
        for index in frames
    ]
    assert {tuple(row) for row in ids[1:]} == {(1, 2, 3)}


def test_a_part_that_was_taken_for_a_parcel_of_its_own_ends_when_it_lies_on_the_whole():
    apart = [boxes_at(5 * index, 5 * index + 90) for index in range(10)]
    together = [boxes_at(50 + 5 * index, 70 + 5 * index) for index in range(10)]
    ids = ids_of(Tracker(), apart + together)
    assert ids[9] == [1, 2]
    assert {len(row) for row in ids[10:]} == {1}
    assert len({tuple(row) for row in ids[10:]}) == 1


def test_forgetting_ends_all_tracks_and_gives_no_id_twice():
    tracker = Tracker()
    ids_of(tracker, [boxes_at(0)] * 3)
    tracker.forget()
    assert ids_of(tracker, [boxes_at(0)] * 3, start=3)[-1] == [2]


def test_a_box_seen_once_is_no_parcel():
    ids = ids_of(Tracker(), [boxes_at(0), Detections.empty(), boxes_at(300), Detections.empty()])
    assert ids == [[], [], [], []]


def test_a_second_box_on_a_tracked_parcel_begins_no_second_parcel():
    frames = [boxes_at(5 * index, 5 * index + 20) for index in range(20)]
    assert {len(row) for row in ids_of(Tracker(), frames)[1:]} == {1}


def test_a_weak_box_continues_a_parcel_and_begins_none():
    strong = [boxes_at(5 * index) for index in range(5)]
    weak = [boxes_at(5 * index, score=0.3) for index in range(5, 10)]
    assert ids_of(Tracker(), strong + weak)[-1] == [1]
    assert ids_of(Tracker(), weak) == [[]] * 5


def test_a_parcel_that_comes_long_after_another_gets_a_new_id():
    tracker = Tracker()
    ids_of(tracker, [boxes_at(0)] * 3)
    assert ids_of(tracker, [boxes_at(0)] * 3, start=100)[-1] == [2]


@given(st.lists(st.lists(st.floats(0, 1000), max_size=5), max_size=20))
def test_an_id_is_given_once_a_frame_and_never_to_two_rows(frames: list[list[float]]):
    for ids in ids_of(Tracker(), [boxes_at(*lefts) for lefts in frames]):
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("count", [0, 3])
def test_rows_of_tracks_are_rows_of_their_own_detections(count: int):
    tracker = Tracker()
    frame = boxes_at(*[200.0 * index for index in range(count)])
    tracker.update(frame, 0.0)
    tracks = tracker.update(frame, 1 / FPS)
    assert tracks.detections.xyxy.tolist() == frame.xyxy.tolist()
    assert tracks.age.tolist() == [2] * count


def test_tracks_that_rest_are_what_the_same_detections_would_have_made_of_them():
    looked, rested = Tracker(), Tracker()
    moving = [boxes_at(8 * index, 8 * index + 130, 700) for index in range(20)]
    for tracker in (looked, rested):
        ids_of(tracker, moving)
    for index in range(20, 60):
        whole, quick = looked.update(moving[-1], index / FPS), rested.rest(index / FPS)
        assert quick is not None
        assert quick.track_id.tolist() == whole.track_id.tolist()
        assert sorted(quick.track_id.tolist()) == [1, 2, 3]
        assert quick.age.tolist() == whole.age.tolist()
        assert (quick.detections.xyxy == whole.detections.xyxy).all()
    again = [boxes_at(152 + 8 * index, 282 + 8 * index, 700) for index in range(20)]
    ids = ids_of(rested, again, 60)
    assert ids == ids_of(looked, again, 60)
    assert {tuple(sorted(row)) for row in ids} == {(1, 2, 3)}


def test_what_is_missing_as_a_scene_comes_to_rest_ends_in_its_time():
    tracker = Tracker()
    ids_of(tracker, [boxes_at(100, 400)] * 5)
    ids_of(tracker, [boxes_at(100)], 5)
    for index in range(6, 40):
        tracks = tracker.rest(index / FPS)
        assert tracks is not None
        assert tracks.track_id.tolist() == [1]
    assert ids_of(tracker, [boxes_at(100, 400)] * 2, 40)[-1] == [1, 3]


def test_a_rest_knows_nothing_of_what_has_to_be_looked_at():
    tracker = Tracker()
    assert tracker.rest(0.0) is None
    ids_of(tracker, [boxes_at(100)])
    assert tracker.rest(1 / FPS) is None  # a track of one frame is none yet
    ids_of(tracker, [boxes_at(100)], 1)
    assert tracker.rest(2 / FPS) is not None
    tracker.forget()
    assert tracker.rest(3 / FPS) is None

"""A box around two parcels that touch neither takes nor ends a track; a box around one parcel is left alone."""

import numpy as np

from edge.model.detections import Detections
from edge.tags.tracker import Tracker, Tracks

FPS = 30.0
Box = tuple[float, float, float, float, float]  # left, top, right, bottom, score


def frame_of(*boxes: Box, class_ids: tuple[int, ...] | None = None) -> Detections:
    rows = np.array(boxes, np.float32).reshape(-1, 5)
    classes = np.array(class_ids or [0] * len(rows), np.int32)
    return Detections(rows[:, :4], rows[:, 4], classes)


def two_parcels(index: int, *, union: float | None = None, front: float | None = 0.8) -> Detections:
    """Two parcels that touch, 6 px further in each frame; `union` is the score of a box around both."""
    left = 6.0 * index
    boxes: list[Box] = [(left, 50, left + 120, 150, 0.9)]
    if front is not None:
        boxes.append((left + 120, 50, left + 230, 150, front))
    if union is not None:
        boxes.append((left, 50, left + 230, 150, union))
    return frame_of(*boxes)


def ids_of(tracker: Tracker, frames: list[Detections], start: int = 0) -> list[list[int]]:
    return [sorted(tracker.update(frame, (start + index) / FPS).track_id) for index, frame in enumerate(frames)]


def last_of(tracker: Tracker, frames: list[Detections]) -> Tracks:
    return [tracker.update(frame, index / FPS) for index, frame in enumerate(frames)][-1]


def test_a_box_around_two_parcels_that_are_both_found_is_dropped():
    ids = ids_of(Tracker(), [two_parcels(index, union=0.9) for index in range(30)])
    assert {tuple(row) for row in ids[1:]} == {(1, 2)}


def test_a_box_around_two_followed_parcels_takes_the_place_of_neither():
    tracker = Tracker()
    before = ids_of(tracker, [two_parcels(index) for index in range(10)])
    hidden = ids_of(tracker, [two_parcels(index, union=0.95, front=None) for index in range(10, 13)], start=10)
    after = ids_of(tracker, [two_parcels(index) for index in range(13, 20)], start=13)
    assert before[-1] == [1, 2]
    assert hidden == [[1]] * 3
    assert after == [[1, 2]] * 7


def test_a_large_parcel_is_not_dropped_for_two_weak_boxes_on_it():
    frames = [
        frame_of(
            (6 * index, 50, 6 * index + 230, 150, 0.92),
            (6 * index, 50, 6 * index + 115, 150, 0.4),
            (6 * index + 115, 50, 6 * index + 230, 150, 0.47),
        )
        for index in range(20)
    ]
    tracks = last_of(Tracker(), frames)
    assert tracks.track_id.tolist() == [1]
    assert tracks.detections.xyxy[0].tolist() == [114, 50, 344, 150]


def test_two_labels_on_a_parcel_do_not_make_it_two():
    frames = [
        frame_of(
            (6 * index, 50, 6 * index + 230, 250, 0.8),
            (6 * index + 10, 60, 6 * index + 80, 120, 0.9),
            (6 * index + 130, 60, 6 * index + 200, 120, 0.9),
        )
        for index in range(20)
    ]
    tracks = last_of(Tracker(), frames)
    assert [230, 200] in (tracks.detections.xyxy[:, 2:] - tracks.detections.xyxy[:, :2]).tolist()


def test_what_stands_on_an_object_of_another_class_does_not_hide_it():
    frames = [
        frame_of(
            (6 * index, 50, 6 * index + 230, 150, 0.8),
            (6 * index, 50, 6 * index + 115, 150, 0.9),
            (6 * index + 115, 50, 6 * index + 230, 150, 0.9),
            class_ids=(1, 0, 0),
        )
        for index in range(5)
    ]
    assert 1 in last_of(Tracker(), frames).detections.class_id


def test_a_part_that_was_found_alone_for_a_while_does_not_outlive_the_whole():
    tracker = Tracker()
    lid, body, whole = (0, 50, 230, 130, 0.7), (0, 130, 230, 300, 0.9), (0, 50, 230, 300, 0.92)
    ids_of(tracker, [frame_of(whole)] * 10)
    split = ids_of(tracker, [frame_of(lid, body)] * 4, start=10)
    ids_of(tracker, [frame_of(whole, lid)] * 10, start=14)
    ids = ids_of(tracker, [frame_of(whole, lid)] * 20, start=24)
    assert len(split[-1]) == 2
    assert {tuple(row) for row in ids} == {(1,)}

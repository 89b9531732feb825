"""Places for frames: the newest one, or each in turn; nothing is counted twice and nobody waits for ever."""

import threading
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.video.frame import ClockSource, Frame
from edge.video.newest import FramePlace, FrameQueue, NewestFrame

IMAGE = np.zeros((2, 2, 3), np.uint8)


def frame(index: int) -> Frame:
    return Frame("c", index, datetime(2026, 1, 1, tzinfo=timezone.utc), ClockSource.FILE, index / 30, 0.0, IMAGE)


@given(st.lists(st.booleans()))
def test_the_newest_frame_is_what_is_got_and_every_other_one_counts_as_dropped(puts: list[bool]):
    place, put, got = NewestFrame(), 0, list[int]()
    for is_put in puts:
        if is_put:
            place.put(frame(put))
            put += 1
        else:
            taken = place.get(timeout_s=0)
            assert taken is None or taken.index == put - 1
            got += [] if taken is None else [taken.index]
    assert len(got) + place.dropped + place.waiting == put
    assert got == sorted(set(got))


@given(st.integers(1, 5), st.integers(0, 40))
def test_a_queue_gives_every_frame_once_and_in_order(room: int, count: int):
    place = FrameQueue(room)

    def fill() -> None:
        for index in range(count):
            place.put(frame(index))
        place.close()

    filler = threading.Thread(target=fill)
    filler.start()
    got: list[int] = []
    while (taken := place.get(timeout_s=5)) is not None:
        got.append(taken.index)
    filler.join(5)
    assert got == list(range(count))
    assert place.dropped == 0


@pytest.mark.parametrize("place", [NewestFrame(), FrameQueue(1)])
def test_closing_wakes_who_waits_and_later_frames_count_as_dropped(place: FramePlace):
    got: list[Frame | None] = []
    waiter = threading.Thread(target=lambda: got.append(place.get(timeout_s=30)))
    waiter.start()
    place.close()
    waiter.join(5)
    assert got == [None]
    place.put(frame(1))
    assert place.dropped == 1


def test_who_waits_for_room_is_let_go_by_closing():
    place = FrameQueue(1)
    place.put(frame(0))
    putter = threading.Thread(target=lambda: place.put(frame(1)))
    putter.start()
    place.close()
    putter.join(5)
    assert not putter.is_alive()
    assert place.dropped == 1

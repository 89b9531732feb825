"""A feed brings a lost camera back, tells the gap, and lets a file's fault through; a fake source plays the camera."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from queue import Queue
from typing import cast

import numpy as np

from devices.errors import EdgekitError
from edge.config import Camera, FileSource, RtspSource
from edge.video.feed import CameraFeed, backoff_s
from edge.video.frame import ClockSource, Frame
from edge.video.health import FeedState, Gap
from edge.video.newest import FrameQueue
from edge.video.sources import FrameSource, SourceLostError

IMAGE = np.zeros((2, 2, 3), np.uint8)
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
LIVE = Camera(name="gate", source=RtspSource(kind="rtsp", url="rtsp://camera/x"))
Eventually = Callable[..., None]


class ShortConnection:
    """A source that gives some frames and then ends with an error, or hangs until it is closed."""

    def __init__(self, first_index: int, frames: int, error: EdgekitError | None, every_s: float = 0.0) -> None:
        self._every = timedelta(seconds=every_s)
        self.first = first_index
        self._frames = frames
        self._error = error
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        for index in range(self.first, self.first + self._frames):
            now = datetime.now(timezone.utc) + (index - self.first) * self._every
            yield Frame("gate", index, now, ClockSource.HOST, float(index), float(index), IMAGE)
        if self._error is not None:
            raise self._error
        self._closed.wait(20)

    def close(self) -> None:
        self._closed.set()


class SteppedSource:
    """A source that gives a frame whenever it is told to, captured so many seconds after noon."""

    def __init__(self) -> None:
        self._steps: Queue[float | None] = Queue()
        self._index = 0

    def give(self, second: float) -> None:
        self._steps.put(second)

    def frames(self) -> Iterator[Frame]:
        while (second := self._steps.get(timeout=20)) is not None:
            captured = NOON + timedelta(seconds=second)
            yield Frame("gate", self._index, captured, ClockSource.HOST, second, second, IMAGE)
            self._index += 1

    def close(self) -> None:
        self._steps.put(None)


def feed_of(connections: list[ShortConnection | SourceLostError], gaps: list[Gap]) -> tuple[CameraFeed, FrameQueue]:
    """Return a feed whose source gives these connections, one after another."""

    def opener(camera: Camera, first_index: int) -> FrameSource:
        del camera
        connection = connections.pop(0)
        if isinstance(connection, SourceLostError):
            raise connection
        connection.first = first_index
        return connection

    place = FrameQueue(100)
    return CameraFeed(LIVE, place, on_gap=gaps.append, opener=opener, jitter=lambda: 0, least_delay_s=0.01), place


def test_a_lost_camera_comes_back_with_rising_indices_and_one_gap_told(eventually: Eventually):
    gaps: list[Gap] = []
    lost, away = SourceLostError("camera gate: gone"), SourceLostError("camera gate: away")
    feed, place = feed_of([ShortConnection(0, 3, lost), away, away, ShortConnection(0, 2, None)], gaps)
    feed.start()
    try:
        frames = [place.get(timeout_s=5) for _ in range(5)]
        assert [frame.index for frame in frames if frame is not None] == [0, 1, 2, 3, 4]
        eventually(lambda: feed.health(0.0).state is FeedState.STREAMING)
        assert [gap.cause for gap in gaps] == ["start", "camera_lost"]
        assert frames[2] is not None
        assert frames[3] is not None
        assert gaps[1] == Gap(frames[2].captured_at, frames[3].captured_at, "camera_lost")
    finally:
        assert feed.stop(5)


def test_what_happened_before_a_cameras_first_frame_is_told_as_not_seen(eventually: Eventually):
    gaps: list[Gap] = []
    away = SourceLostError("camera gate cannot be reached")
    feed, place = feed_of([away, ShortConnection(0, 1, None)], gaps)
    feed.start()
    try:
        assert place.get(timeout_s=5) is not None
        eventually(lambda: feed.health(0.0).state is FeedState.STREAMING)
        assert [gap.cause for gap in gaps] == ["start"]
    finally:
        assert feed.stop(5)


def test_a_camera_that_is_away_as_the_run_ends_was_not_seen_until_then(eventually: Eventually):
    gaps: list[Gap] = []
    lost = SourceLostError("camera gate: gone")
    feed, place = feed_of([ShortConnection(0, 1, lost), *[SourceLostError("away")] * 500], gaps)
    feed.start()
    last = place.get(timeout_s=5)
    eventually(lambda: feed.health(0.0).state is FeedState.RECONNECTING)
    assert feed.stop(5)
    assert last is not None
    assert [gap.cause for gap in gaps] == ["start", "camera_lost"]
    assert gaps[1].start == last.captured_at < gaps[1].end


def test_a_source_that_dies_of_something_unforeseen_is_sought_again_like_a_lost_one(eventually: Eventually):
    gaps: list[Gap] = []
    broken = cast(EdgekitError, ValueError("rtsp://admin:s3cret@camera/x: a library's own fault"))
    feed, place = feed_of([ShortConnection(0, 1, broken), ShortConnection(0, 1, None)], gaps)
    feed.start()
    try:
        assert place.get(timeout_s=5) is not None
        assert place.get(timeout_s=5) is not None
        eventually(lambda: feed.health(0.0).state is FeedState.STREAMING)
        assert feed.error is None
    finally:
        assert feed.stop(5)


def test_a_hole_longer_than_a_track_lives_is_told(eventually: Eventually):
    gaps: list[Gap] = []
    feed, place = feed_of([ShortConnection(0, 3, None, every_s=2.0)], gaps)
    feed.start()
    try:
        assert all(place.get(timeout_s=5) is not None for _ in range(3))
        eventually(lambda: len(gaps) == 3)
        assert [gap.cause for gap in gaps] == ["start", "no_frames", "no_frames"]
    finally:
        assert feed.stop(5)


def test_delays_between_attempts_grow_to_a_bound_and_are_jittered():
    assert [backoff_s(failures, 1.0, 1.0) for failures in range(6)] == [1, 2, 4, 8, 8, 8]
    assert {backoff_s(failures, 1.0, 0.0) for failures in range(6)} == {1.0}
    assert backoff_s(100_000, 1.0, 1.0) == 8  # a camera that is away for days


def test_a_file_that_breaks_off_ends_its_feed_with_the_error():
    broken = EdgekitError("clip.mp4 breaks off")
    camera = Camera(name="gate", source=FileSource(kind="file", path=Path("clip.mp4")))
    place = FrameQueue(10)
    source = ShortConnection(0, 2, broken)
    feed = CameraFeed(camera, place, on_gap=lambda _gap: None, opener=lambda _camera, _index: source)
    feed.open()
    feed.start()
    frames: list[Frame] = []
    while (frame := place.get(timeout_s=5)) is not None:
        frames.append(frame)
    assert len(frames) == 2
    assert feed.error is broken
    assert feed.health(0.0).state is FeedState.FAILED


def test_a_paused_cameras_frames_go_by_and_the_stretch_is_told_when_it_goes_on(eventually: Eventually):
    gaps: list[Gap] = []
    place = FrameQueue(100)
    source = SteppedSource()
    feed = CameraFeed(LIVE, place, on_gap=gaps.append, opener=lambda _camera, _index: source, jitter=lambda: 0)
    feed.start()
    try:
        source.give(0.0)
        assert place.get(5) is not None
        feed.pause("paused by ops")
        source.give(1.0)
        source.give(5.0)
        eventually(lambda: feed.newest is not None and feed.newest.index == 2)
        paused = feed.health(0.0)
        assert (paused.state, paused.reason) == (FeedState.PAUSED, "paused by ops")
        feed.resume()
        source.give(6.0)
        after = place.get(5)
        assert after is not None
        assert after.index == 3
        assert [gap.cause for gap in gaps] == ["start", "paused"]
        assert (gaps[1].end - gaps[1].start).total_seconds() == 6.0
        assert feed.health(0.0).state is FeedState.STREAMING
        assert place.dropped == 0
    finally:
        source.close()
        assert feed.stop(5)

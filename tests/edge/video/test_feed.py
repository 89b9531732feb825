"""A feed brings a lost camera back, tells the gap, and lets a file's fault through; a fake source plays the camera."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from queue import Queue
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.video.feed import CameraFeed
from edge.video.frame import ClockSource, Frame
from edge.video.health import FeedState, Gap
from edge.video.live import backoff_s
from edge.video.newest import FrameQueue
from edge.video.section import Camera, FileSource, RtspSource
from edge.video.sources import FrameSource, SourceLostError

Image = NDArray[np.uint8]
IMAGE = np.zeros((2, 2, 3), np.uint8)
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
LIVE = Camera(name="gate", source=RtspSource(kind="rtsp", url="rtsp://camera/x"), blind_after_s=0)
Eventually = Callable[..., None]


class ShortConnection:
    """A source that gives some frames and then ends with an error, or hangs until it is closed."""

    def __init__(self, first_index: int, frames: int, error: EdgekitError | None, every_s: float = 0.0) -> None:
        self._every = timedelta(seconds=every_s)
        self.first = first_index
        self._frames = frames
        self._error = error
        self._closed = threading.Event()
        self.damaged = 0

    def frames(self) -> Iterator[Frame]:
        for index in range(self.first, self.first + self._frames):
            later = (index - self.first) * self._every
            arrived_s = time.monotonic() + later.total_seconds()
            now = datetime.now(timezone.utc) + later
            yield Frame("gate", index, now, ClockSource.HOST, arrived_s, arrived_s, IMAGE.copy())
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
        self.damaged = 0

    def give(self, second: float) -> None:
        self._steps.put(second)

    def frames(self) -> Iterator[Frame]:
        while (second := self._steps.get(timeout=20)) is not None:
            captured = NOON + timedelta(seconds=second)
            yield Frame("gate", self._index, captured, ClockSource.HOST, second, second, IMAGE.copy())
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
        eventually(lambda: feed.health.state is FeedState.STREAMING)
        assert [gap.cause for gap in gaps] == ["start", "camera_lost"]
        assert frames[2] is not None
        assert frames[3] is not None
        assert abs(gaps[1].start - frames[2].captured_at) < timedelta(milliseconds=50)
        assert gaps[1].end == frames[3].captured_at
    finally:
        assert feed.stop(5)


def test_what_happened_before_a_cameras_first_frame_is_told_as_not_seen(eventually: Eventually):
    gaps: list[Gap] = []
    away = SourceLostError("camera gate cannot be reached")
    feed, place = feed_of([away, ShortConnection(0, 1, None)], gaps)
    feed.start()
    try:
        assert place.get(timeout_s=5) is not None
        eventually(lambda: feed.health.state is FeedState.STREAMING)
        assert [gap.cause for gap in gaps] == ["start"]
    finally:
        assert feed.stop(5)


def test_a_camera_that_is_away_as_the_run_ends_was_not_seen_until_then(eventually: Eventually):
    gaps: list[Gap] = []
    lost = SourceLostError("camera gate: gone")
    feed, place = feed_of([ShortConnection(0, 1, lost), *[SourceLostError("away")] * 500], gaps)
    feed.start()
    last = place.get(timeout_s=5)
    eventually(lambda: feed.health.state is FeedState.RECONNECTING)
    assert feed.stop(5)
    assert last is not None
    assert [gap.cause for gap in gaps] == ["start", "camera_lost"]
    assert abs(gaps[1].start - last.captured_at) < timedelta(milliseconds=50)
    assert gaps[1].start < gaps[1].end


def test_a_source_that_dies_of_something_unforeseen_is_sought_again_like_a_lost_one(eventually: Eventually):
    gaps: list[Gap] = []
    broken = cast(EdgekitError, ValueError("rtsp://admin:s3cret@camera/x: a library's own fault"))
    feed, place = feed_of([ShortConnection(0, 1, broken), ShortConnection(0, 1, None)], gaps)
    feed.start()
    try:
        assert place.get(timeout_s=5) is not None
        assert place.get(timeout_s=5) is not None
        eventually(lambda: feed.health.state is FeedState.STREAMING)
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
    assert [backoff_s(failures, 1.0, 1.0) for failures in range(6)] == [2, 4, 8, 8, 8, 8]
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
    assert feed.health.state is FeedState.FAILED


@pytest.mark.parametrize(("at_last_s", "on_again_s"), [(5.0, 6.0), (0.2, 0.4)])
def test_a_paused_cameras_frames_go_by_and_the_stretch_is_told_however_short(
    eventually: Eventually, at_last_s: float, on_again_s: float
):
    gaps: list[Gap] = []
    place = FrameQueue(100)
    source = SteppedSource()
    feed = CameraFeed(LIVE, place, on_gap=gaps.append, opener=lambda _camera, _index: source, clock=lambda: 0.0)
    feed.start()
    try:
        source.give(0.0)
        assert place.get(5) is not None
        feed.pause("paused by ops")
        source.give(0.1)
        source.give(at_last_s)
        eventually(lambda: feed.newest is not None and feed.newest.index == 2)
        paused = feed.health
        assert (paused.state, paused.reason) == (FeedState.PAUSED, "paused by ops")
        feed.resume()
        source.give(on_again_s)
        after = place.get(5)
        assert after is not None
        assert after.index == 3
        assert [gap.cause for gap in gaps] == ["start", "paused"]
        assert (gaps[1].end - gaps[1].start).total_seconds() == pytest.approx(on_again_s)
        assert feed.health.state is FeedState.STREAMING
        assert place.dropped == 0
    finally:
        source.close()
        assert feed.stop(5)


class Hanging:
    """A source that hangs before its first frame, or after some, and cannot be closed."""

    def __init__(self, first_index: int, frames: int, *, damaged: bool = False) -> None:
        self._first = first_index
        self._frames = frames
        self._damages = damaged
        self.damaged = 0
        self.released = threading.Event()

    def frames(self) -> Iterator[Frame]:
        for index in range(self._first, self._first + self._frames):
            yield frame_now(index, noisy(index))
        while not self.released.wait(0.02):
            self.damaged += self._damages
        yield frame_now(1000, noisy(7))  # what comes from it now comes too late

    def close(self) -> None:
        pass


def frame_now(index: int, image: Image) -> Frame:
    now_s = time.monotonic()
    return Frame("gate", index, datetime.now(timezone.utc), ClockSource.HOST, now_s, now_s, image)


def noisy(seed: int, level: int = 90) -> Image:
    return np.random.default_rng(seed).integers(level, level + 20, (64, 64, 3)).astype(np.uint8)


def nothing(index: int) -> Image:
    del index
    return np.zeros((64, 64, 3), np.uint8)


def one_and_the_same(index: int) -> Image:
    del index
    return noisy(3)


def quick_feed(opener: Callable[[Camera, int], FrameSource], gaps: list[Gap]) -> tuple[CameraFeed, FrameQueue]:
    """Return a feed that loses patience soon."""
    source = RtspSource(kind="rtsp", url="rtsp://camera/x", read_timeout_s=0.3)
    camera = Camera(name="gate", source=source, blind_after_s=0.3)
    place = FrameQueue(1000)
    return CameraFeed(camera, place, on_gap=gaps.append, opener=opener, least_delay_s=0.05), place


@pytest.mark.parametrize(("damaged", "told"), [(False, "no frame came"), (True, "only damaged pictures came")])
def test_a_source_that_hangs_is_left_behind_and_the_camera_is_tried_anew(told: str, *, damaged: bool):
    gaps: list[Gap] = []
    reasons: list[str | None] = []
    hanging: list[Hanging] = []

    def opener(camera: Camera, first_index: int) -> FrameSource:
        del camera
        if hanging:
            reasons.append(feed.health.reason)
            assert feed.health.state is FeedState.STALLED
            return Showing([noisy], first_index)
        hanging.append(Hanging(first_index, 2, damaged=damaged))
        return hanging[0]

    feed, place = quick_feed(opener, gaps)
    feed.start()
    try:
        indices = [frame.index for frame in (place.get(5) for _ in range(5)) if frame is not None]
        assert indices == [0, 1, 2, 3, 4]
        assert told in (reasons[0] or "")
        assert [gap.cause for gap in gaps] == ["start", "camera_lost"]
        assert (feed.health.drops.damaged > 0) is damaged
        hanging[0].released.set()
        later = [frame.index for frame in (place.get(5) for _ in range(30)) if frame is not None]
        assert later == list(range(5, 35)), "a source that was left behind delivered a frame"
    finally:
        hanging[0].released.set()
        assert feed.stop(5)


def test_a_source_that_hangs_for_good_takes_only_so_many_threads(eventually: Eventually):
    opened: list[Hanging] = []

    def opener(camera: Camera, first_index: int) -> FrameSource:
        del camera
        opened.append(Hanging(first_index, 1))
        return opened[-1]

    feed, place = quick_feed(opener, [])
    feed.start()
    try:
        eventually(lambda: len(opened) >= 4, 20)
        assert place.get(5) is not None
        time.sleep(1.0)
        assert len(opened) == 4
    finally:
        for source in opened:
            source.released.set()
        assert feed.stop(5)


class Showing:
    """A source that shows what it is told to, a picture every 10 ms."""

    def __init__(self, showing: list[Callable[[int], Image]], first_index: int = 0) -> None:
        self._showing = showing
        self._first_index = first_index
        self.damaged = 0
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        index = self._first_index
        while not self._closed.wait(0.01):
            yield frame_now(index, self._showing[0](index))
            index += 1

    def close(self) -> None:
        self._closed.set()


@pytest.mark.parametrize(
    ("fault", "picture"),
    [("black", nothing), ("frozen", one_and_the_same)],
)
def test_a_black_or_frozen_picture_is_told_and_its_stretch_was_not_seen(
    eventually: Eventually, fault: str, picture: Callable[[int], Image]
):
    gaps: list[Gap] = []
    shown: list[Showing] = []
    showing: list[Callable[[int], Image]] = [noisy]

    def opener(camera: Camera, first_index: int) -> FrameSource:
        del camera, first_index
        shown.append(Showing(showing))
        return shown[-1]

    feed, _place = quick_feed(opener, gaps)
    feed.start()
    try:
        eventually(lambda: feed.health.frames > 10)  # enough to know its noise
        showing[0] = picture
        eventually(lambda: feed.health.reason == f"the picture is {fault}")
        assert feed.health.state is FeedState.STALLED
        if fault == "frozen":
            eventually(lambda: len(shown) >= 3, 20)  # opened anew: a relay may only have got stuck
        showing[0] = lambda index: noisy(100_000 + index)
        eventually(lambda: feed.health.state is FeedState.STREAMING)
        causes = [gap.cause for gap in gaps if gap.cause != "camera_lost"]  # a slow machine may have lost it, too
        # Black stands still as well: where few frames come, that may be told first.
        assert (causes[0], causes[-1]) == ("start", fault)
        assert set(causes[1:-1]) <= {"frozen"}
        assert (gaps[-1].end - gaps[-1].start).total_seconds() > 0.3
        assert feed.health.drops.blind > 0
    finally:
        assert feed.stop(5)


def test_what_is_masked_is_black_wherever_the_picture_goes(eventually: Eventually):
    camera = Camera(
        name="gate",
        source=RtspSource(kind="rtsp", url="rtsp://camera/x"),
        masks=(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),),
    )
    place = FrameQueue(1000)
    feed = CameraFeed(camera, place, on_gap=lambda _gap: None, opener=lambda _camera, _index: Showing([noisy]))
    feed.start()
    try:
        eventually(lambda: feed.newest is not None)
        for frame in (place.get(5), feed.newest):
            assert frame is not None
            assert not frame.image[:, :32].any()
            assert frame.image[:, 35:].all()
    finally:
        assert feed.stop(5)


@pytest.mark.parametrize("picture", [nothing, one_and_the_same])
def test_a_blind_camera_that_is_then_lost_is_told_as_lost_and_sought_with_pauses(
    eventually: Eventually, picture: Callable[[int], Image]
):
    opened: list[float] = []
    showing: list[Callable[[int], Image]] = [noisy]
    source = Showing(showing)

    def opener(camera: Camera, first_index: int) -> FrameSource:
        del camera, first_index
        opened.append(time.monotonic())
        if len(opened) == 1:
            return source
        raise SourceLostError("camera gate cannot be reached")

    feed, _place = quick_feed(opener, [])
    feed.start()
    try:
        eventually(lambda: feed.health.frames > 10)
        showing[0] = picture
        eventually(lambda: feed.health.state is FeedState.STALLED)
        source.close()
        eventually(lambda: feed.health.state is FeedState.RECONNECTING)
        eventually(lambda: len(opened) >= 5, 30)
        waits = [later - earlier for earlier, later in itertools.pairwise(opened[1:])]
        assert min(waits) >= 0.05  # the least delay that was asked for
    finally:
        assert feed.stop(5)


def test_indices_go_on_over_a_reconnect_in_a_pause(eventually: Eventually):
    first = ShortConnection(0, 3, SourceLostError("camera gate: gone"))
    second = ShortConnection(0, 2, None)
    feed, place = feed_of([first, second], [])
    feed.pause("paused by ops")
    feed.start()
    try:
        eventually(lambda: feed.newest is not None and feed.newest.index == 4)
        assert second.first == 3
        assert place.get(timeout_s=0) is None
    finally:
        assert feed.stop(5)

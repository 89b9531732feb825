"""A real RTSP server on loopback: read, killed, frozen, and read again."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from edge.demo.show import CLIP
from edge.video.feed import CameraFeed
from edge.video.frame import ClockSource
from edge.video.health import FeedState, Gap
from edge.video.newest import NewestFrame
from edge.video.rtsp import RtspFrames
from edge.video.section import Camera, RtspSource
from edge.video.sources import SourceLostError

Eventually = Callable[..., None]
Start = Callable[[Path], Any]


def feed_for(url: str, gaps: list[Gap], read_timeout_s: float = 1.0) -> tuple[CameraFeed, NewestFrame]:
    source = RtspSource(kind="rtsp", url=url, read_timeout_s=read_timeout_s)
    place = NewestFrame()
    camera = Camera(name="gate", source=source)
    return CameraFeed(camera, place, on_gap=gaps.append, jitter=lambda: 0.0), place


def test_frames_come_and_a_killed_and_restarted_server_is_found_again(network_camera: Start, eventually: Eventually):
    gaps: list[Gap] = []
    camera = network_camera(CLIP)
    feed, place = feed_for(camera.url, gaps)
    feed.start()
    try:
        first = place.get(timeout_s=10)
        assert first is not None
        assert first.image.shape == (720, 1280, 3)
        camera.kill()
        eventually(lambda: feed.health.state is FeedState.RECONNECTING, 10)
        camera.start()
        eventually(lambda: feed.health.state is FeedState.STREAMING, 10)
        eventually(lambda: [gap.cause for gap in gaps] == ["start", "camera_lost"])
        later = place.get(timeout_s=5)
        assert later is not None
        assert later.index > first.index
    finally:
        assert feed.stop(5)


def test_a_frozen_server_is_noticed_within_five_seconds(network_camera: Start, eventually: Eventually):
    camera = network_camera(CLIP)
    feed, place = feed_for(camera.url, [])
    feed.start()
    try:
        assert place.get(timeout_s=10) is not None
        camera.freeze()
        stalled = (FeedState.STALLED, FeedState.RECONNECTING)
        eventually(lambda: feed.health.state in stalled, 5)
        camera.thaw()
        eventually(lambda: feed.health.state is FeedState.STREAMING, 10)
    finally:
        assert feed.stop(8)


def test_pictures_carry_the_cameras_own_time_once_it_was_told(network_camera: Start, eventually: Eventually):
    camera = network_camera(CLIP)
    feed, place = feed_for(camera.url, [])
    feed.start()
    try:
        eventually(lambda: feed.newest is not None and feed.newest.clock is ClockSource.RTCP, 15)
        frame = place.get(timeout_s=5)
        assert frame is not None
        # The camera is this host, so that its clock is ours; a stream is sent in the moment it is captured.
        assert abs((datetime.now(timezone.utc) - frame.captured_at).total_seconds()) < 2
    finally:
        assert feed.stop(5)


def test_credentials_of_a_camera_that_cannot_be_reached_are_not_told(free_port: int):
    source = RtspSource(kind="rtsp", url=f"rtsp://admin:s3@c/ret@127.0.0.1:{free_port}/camera")
    with pytest.raises(SourceLostError, match="cannot be reached at rtsp://") as told:
        RtspFrames("gate", source, 0)
    assert "s3" not in str(told.value)
    assert "admin" not in str(told.value)

"""Network cameras that fail for real: one of two is killed, and one sends H.264 whose bytes were flipped on the way."""

import contextlib
import os
import random
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.demo.show import CLIP
from edge.memory import map_pictures
from edge.video.feed import CameraFeed
from edge.video.health import FeedState, Gap
from edge.video.newest import NewestFrame
from edge.video.section import Camera, RtspSource

Make = Callable[..., Any]
Eventually = Callable[..., None]
RTP_HEADER = 4 + 12 + 2  # of interleaved framing, of RTP, and of how H.264 is cut into packets


class Relay(ABC):
    """Takes connections at a port of its own and passes each on to a camera.

    Args:
        port: Of the camera.
    """

    def __init__(self, port: int) -> None:
        self._camera = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._server.accept()[0]
                camera = socket.create_connection(("127.0.0.1", self._camera))
                for ends, told in (((client, camera), False), ((camera, client), True)):
                    threading.Thread(target=self._pass_on, args=ends, kwargs={"from_camera": told}, daemon=True).start()

    @abstractmethod
    def _pass_on(self, source: socket.socket, sink: socket.socket, *, from_camera: bool) -> None:
        """Pass on what one side sends, until it ends."""


class FlippingProxy(Relay):
    """Flips a byte in some of the packets that the camera sends.

    Args:
        port: Of the camera.
        every: One packet of so many is damaged on average; 0 damages any byte of the stream, its framing too.
    """

    def __init__(self, port: int, every: int) -> None:
        self._every = every
        self._random = random.Random(0)
        self.flipped = 0
        super().__init__(port)

    def _pass_on(self, source: socket.socket, sink: socket.socket, *, from_camera: bool) -> None:
        with source, sink, contextlib.suppress(OSError), source.makefile("rb") as stream:
            while piece := (self._packet(stream) if from_camera else stream.read1(65536)):
                sink.sendall(piece)
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)

    def _packet(self, stream: Any) -> bytes:
        """Return the next interleaved packet, or the next line of an answer."""
        first = stream.read(1)
        if first != b"$":
            return first + stream.readline() if first else b""
        head = first + stream.read(3)
        packet = bytearray(head + stream.read(int.from_bytes(head[2:4], "big")))
        is_video = head[1] == 0 and len(packet) > RTP_HEADER + 8
        if is_video and self._random.random() * max(1, self._every) < 1:
            begin = RTP_HEADER if self._every else 0
            packet[self._random.randrange(begin, len(packet))] ^= 1 << self._random.randrange(8)
            self.flipped += 1
        return bytes(packet)


@pytest.fixture
def make_proxy() -> Iterator[Callable[[int, int], FlippingProxy]]:
    """Put proxies before cameras; all are closed at the end."""
    with contextlib.ExitStack() as running:

        def make(port: int, every: int) -> FlippingProxy:
            proxy = FlippingProxy(port, every)
            running.callback(proxy.close)
            return proxy

        yield make


def feed_of(name: str, url: str, gaps: list[Gap]) -> CameraFeed:
    camera = Camera(name=name, source=RtspSource(kind="rtsp", url=url))
    return CameraFeed(camera, NewestFrame(), on_gap=gaps.append)


def test_a_camera_that_is_killed_comes_back_and_the_other_one_does_not_notice(network_camera: Make, eventually: Make):
    cameras = [network_camera(CLIP), network_camera(CLIP)]
    gaps: list[list[Gap]] = [[], []]
    feeds = [feed_of(f"gate-{n}", camera.url, gaps[n]) for n, camera in enumerate(cameras)]
    for feed in feeds:
        feed.start()
    try:
        eventually(lambda: all(feed.health.state is FeedState.STREAMING for feed in feeds), 30)
        seen_before = feeds[1].health.frames
        cameras[0].kill()
        eventually(lambda: feeds[0].health.state is FeedState.RECONNECTING, 5)
        cameras[0].start()
        eventually(lambda: feeds[0].health.state is FeedState.STREAMING, 10)
        assert [gap.cause for gap in gaps[0]] == ["start", "camera_lost"]
        assert [gap.cause for gap in gaps[1]] == ["start"], "the other camera noticed"
        assert feeds[1].health.state is FeedState.STREAMING
        eventually(lambda: feeds[1].health.frames > seen_before + 30)
    finally:
        stopped = [feed.stop(5) for feed in feeds]
        assert all(stopped)


@pytest.mark.parametrize("every", [20, 0])
def test_flipped_bytes_of_a_stream_are_counted_and_cost_pictures_at_most_never_the_feed(
    network_camera: Make, make_proxy: Make, eventually: Make, every: int
):
    camera = network_camera(CLIP)
    proxy = make_proxy(camera.port, every)
    feed = feed_of("gate", f"rtsp://127.0.0.1:{proxy.port}/camera", [])
    feed.start()
    try:
        eventually(lambda: proxy.flipped >= 20, 30)
        seen = feed.health.frames
        if every:
            eventually(lambda: feed.health.frames > seen + 10, 30)
            eventually(lambda: feed.health.drops.damaged >= 5, 30)
        assert feed.error is None
        assert not feed.finished
    finally:
        assert feed.stop(10)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_ten_thousand_reconnects_without_a_pause_leave_memory_and_descriptors_flat(eventually: Eventually):
    map_pictures()  # as a box does
    tried = 0
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept_and_hang_up() -> None:
            nonlocal tried
            with contextlib.suppress(OSError):
                while True:
                    server.accept()[0].close()
                    tried += 1

        threading.Thread(target=accept_and_hang_up, daemon=True).start()
        source = RtspSource(kind="rtsp", url=f"rtsp://127.0.0.1:{server.getsockname()[1]}/camera")
        camera = Camera(name="gate", source=source)
        feed = CameraFeed(camera, NewestFrame(), on_gap=lambda _gap: None, least_delay_s=0.0)
        feed.start()
        try:
            eventually(lambda: tried >= 1_000, 300)
            before_mb, before = resident_mb(), descriptors()
            eventually(lambda: tried >= 11_000, 1100)
            after_mb, after = resident_mb(), descriptors()
        finally:
            assert feed.stop(10)
        server.shutdown(socket.SHUT_RDWR)
    assert abs(after - before) <= 4, (before, after)  # a connection on its way
    assert after_mb - before_mb < 2.0, (before_mb, after_mb)


class HangingUpProxy(Relay):
    """Hangs up each connection as soon as so many bytes have come over it.

    Args:
        port: Of the camera.
        most_bytes: Of one connection.
    """

    def __init__(self, port: int, most_bytes: int) -> None:
        self._most = most_bytes
        self.hung_up = 0
        super().__init__(port)

    def _pass_on(self, source: socket.socket, sink: socket.socket, *, from_camera: bool) -> None:
        passed, most = 0, self._most if from_camera else None
        with contextlib.suppress(OSError):
            while (most is None or passed < most) and (piece := source.recv(65536)):
                sink.sendall(piece)
                passed += len(piece)
        self.hung_up += most is not None and passed >= most
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        source.close()


def anonymous_mb() -> float:
    """Return what this process holds of memory that belongs to no file."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1000


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_camera_that_is_decoded_and_lost_forty_times_leaves_memory_and_descriptors_flat(
    network_camera: Make, eventually: Eventually
):
    map_pictures()  # as a box does
    camera = network_camera(CLIP)
    proxy = HangingUpProxy(camera.port, 500_000)
    source = RtspSource(kind="rtsp", url=f"rtsp://127.0.0.1:{proxy.port}/camera")
    place = NewestFrame()
    feed = CameraFeed(Camera(name="gate", source=source), place, on_gap=lambda _gap: None, least_delay_s=0.0)
    shown = 0

    def look() -> None:
        nonlocal shown
        while not feed.finished:
            frame = place.get(0.2)
            shown += frame is not None and frame.image.size > 0

    looking = threading.Thread(target=look, daemon=True)
    feed.start()
    looking.start()
    try:
        eventually(lambda: proxy.hung_up >= 10, 300)
        before_mb, before, seen = anonymous_mb(), descriptors(), shown
        eventually(lambda: proxy.hung_up >= 50, 500)
        after_mb, after = anonymous_mb(), descriptors()
    finally:
        assert feed.stop(10)
        proxy.close()
    assert shown > seen + 40, "pictures came over each connection"
    assert abs(after - before) <= 6, (before, after)  # connections that come and go
    assert after_mb - before_mb < 6.0, (before_mb, after_mb)  # a decoder that is at work has as much

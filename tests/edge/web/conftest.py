"""A real box with its page on loopback, and a small HTTP client that says exactly what it sends."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest

from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.mqtt.broker import EmbeddedBroker

HOST = "127.0.0.1"
TOKEN = "a-token-that-nobody-guesses-0123456789"
SLOWER = 4
CONFIG = """\
# the box at the gate
[box]
site = "hall"
name = "box-1"
[bundle]
path = "{bundle}"
trusted_keys = ["{key}"]
[inference] # without measuring, which takes as long as a module's tests
backend = "openvino"
precision = "int8"
[mqtt]
port = {broker}
[outbox]
path = "outbox.sqlite"
[web]
port = {port}
token_file = "token"
predict = {{ max_mib = 1 }}
[audit]
one_in = 1
state = "audit.json"
[[camera]]
name = "gate"
source = {{ kind = "file", path = "clip.mp4", realtime = true }}
masks = [[[0.0, 0.0], [0.2, 0.0], [0.2, 0.2], [0.0, 0.2]]] # the door of the changing room
# the diverter's line
[[camera.line]]
name = "line"
start = [0.55, 1.0]
end = [0.55, 0.0] # as measured in May
"""


@dataclass(frozen=True)
class Answer:
    """What the page answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return what the body says."""
        return json.loads(self.body)


@dataclass
class Client:
    """Asks a page, one connection a request."""

    port: int
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        try:
            sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except http.client.IncompleteRead as exc:  # as of a box that is started anew while it answers
            raise ConnectionError(f"{method} {path} was broken off") from exc
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, **headers)

    def send(self, method: str, path: str, content: Any = None, **headers: str) -> Answer:
        sent = {"Content_Type": "application/json", **headers}
        return self.ask(method, path, json.dumps(content).encode(), **sent)

    def metric(self, name: str) -> float:
        """Return the sum over all labels of a metric."""
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", self.get("/metrics").body.decode(), re.MULTILINE)
        assert found, name
        return sum(float(value) for value in found)


@dataclass
class RunningBox:
    """`edgekit run` as a process of its own."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def toml(self) -> Path:
        return self.folder / "box.toml"

    @property
    def log(self) -> str:
        return (self.folder / "run.log").read_text()

    @property
    def client(self) -> Client:
        """One who shows the token."""
        return Client(self.port, {"Authorization": f"Bearer {TOKEN}"})

    @property
    def stranger(self) -> Client:
        """One who does not."""
        return Client(self.port)

    def wait(self) -> None:
        """Wait until the page answers."""
        end_s = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end_s, self.log
            try:
                self.stranger.get("/healthz")
            except OSError:
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def slowed(clip: Path, to: Path, factor: int) -> None:
    """Write a clip anew that plays slower, its packets as they are."""
    with av.open(str(clip)) as source, av.open(str(to), "w") as target:
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts, packet.dts = packet.pts * factor, packet.dts * factor
            packet.stream = copied
            target.mux(packet)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def start_box(folder: Path, broker: int, *arguments: str, config: str = CONFIG) -> RunningBox:
    """Start a box of the demonstration's belt, played slowly enough for a module's tests."""
    slowed(CLIP, folder / "clip.mp4", SLOWER)
    port = free_port()
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    (folder / "box.toml").write_text(config.format(bundle=BUNDLE, key=TRUSTED_KEY, broker=broker, port=port))
    command = [sys.executable, "-m", "edge", "run", "--config", str(folder / "box.toml"), *arguments]
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    box = RunningBox(folder, port, process)
    box.wait()
    return box


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBox]:
    """Start a box with a token and a broker; one for all tests of a module."""
    with EmbeddedBroker() as broker:
        running = start_box(tmp_path_factory.mktemp("box"), broker.port)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningBox]]:
    """Start boxes of a test's own, without a broker; they are stopped at the end."""
    started: list[RunningBox] = []

    def one(*arguments: str, config: str = CONFIG) -> RunningBox:
        waiting = config.replace("[mqtt]\n", '[mqtt]\nat_start = "wait"\n')
        started.append(start_box(tmp_path, free_port(), *arguments, config=waiting))
        return started[-1]

    yield one
    for box in started:
        if box.process.poll() is None:
            box.stop()

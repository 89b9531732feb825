"""Real brokers, a subscriber and real network cameras, as processes on loopback that every test ends again."""

import contextlib
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

HOST = "127.0.0.1"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's GStreamer packages are for


def wait_until(holds: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Wait until something holds, and fail where it does not in time."""
    end_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end_s, "did not come true in time"
        time.sleep(0.01)


def unused_port() -> int:
    """Return a loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class LoopbackServer:
    """A server process on a loopback port of its own that can be killed, frozen and started again there."""

    def __init__(self, folder: Path) -> None:
        self.host = HOST
        self.port = unused_port()
        self._folder = folder
        self._log = folder / f"server-{self.port}.log"
        self._command: list[str] = []  # set by what kind of server it is
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, or start it again, and wait until it listens."""
        # GStreamer's cache of plug-ins would else go into the home folder.
        environment = {**os.environ, "GST_REGISTRY": str(self._folder / "gstreamer-registry")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        wait_until(self._listens, 60.0)  # a loaded machine takes its time to look through all of GStreamer

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order, where it still runs."""
        if self._process is not None:
            self.send(signal.SIGCONT)
            self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Let it stand still; its sockets stay open."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.send(signal.SIGCONT)

    def send(self, sent: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(sent)

    def _end(self, sent: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sent)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 0.2):
            return True
        return False


class Mosquitto(LoopbackServer):
    """A mosquitto."""

    def __init__(self, binary: str, folder: Path, *lines: str) -> None:
        super().__init__(folder)
        own = () if any(line.startswith("allow_anonymous") for line in lines) else ("allow_anonymous true",)
        fixed = (
            f"listener {self.port} {HOST}",
            f"user {getpass.getuser()}",  # as root it would else become another user, who may not write here
            "persistence true",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
        )
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join((*fixed, *own, *lines)) + "\n")
        self._command = [binary, "-c", str(self._config)]

    def save(self) -> None:
        """Let it write sessions and subscriptions to disk, so that they survive a kill."""
        stored = self._folder / "mosquitto.db"
        stored.unlink(missing_ok=True)
        self.send(signal.SIGUSR1)
        wait_until(stored.exists)

    def reload(self) -> None:
        """Let it read its rules again."""
        self.send(signal.SIGHUP)


class NetworkCamera(LoopbackServer):
    """An RTSP server that plays a clip, to everybody or to one user."""

    def __init__(self, clip: Path, folder: Path, *login: str) -> None:
        super().__init__(folder)
        self.url = f"rtsp://{HOST}:{self.port}/camera"
        program = Path(__file__).with_name("rtsp_server.py")
        self._command = [SYSTEM_PYTHON, str(program), str(self.port), str(clip), *login]


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came."""

    topic: str
    payload: bytes
    retain: bool

    def json(self) -> Any:
        """Return what the payload says."""
        return json.loads(self.payload)


class Subscriber:
    """A client that keeps all it receives in order, and comes back after a lost connection with its old session."""

    def __init__(self, port: int, topic: str, protocol: str) -> None:
        self._topic = topic
        self._lock = threading.Lock()
        self._received: list[Received] = []
        self._ready = threading.Event()
        newest = protocol == "5"
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"test-{port}-{id(self)}",
            protocol=MQTTProtocolVersion.MQTTv5 if newest else MQTTProtocolVersion.MQTTv311,
            clean_session=None if newest else False,
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._keep
        if newest:
            session = Properties(PacketTypes.CONNECT)
            session.SessionExpiryInterval = 600
            self._client.connect(HOST, port, 60, clean_start=False, properties=session)
        else:
            self._client.connect(HOST, port, 60)
        self._client.loop_start()
        assert self._ready.wait(10)

    @property
    def received(self) -> list[Received]:
        """All messages until now."""
        with self._lock:
            return list(self._received)

    def on(self, topic: str) -> list[Received]:
        """Return the messages of one topic."""
        return [message for message in self.received if message.topic == topic]

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a message that is not retained, over the same connection."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(
        self, client: Client, _data: object, _flags: ConnectFlags, _reason: ReasonCode, _properties: object
    ) -> None:
        client.subscribe(self._topic, qos=1)

    def _subscribed(self, _client: Client, _data: object, _mid: int, _reasons: object, _properties: object) -> None:
        self._ready.set()

    def _keep(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._lock:
            self._received.append(Received(message.topic, bytes(message.payload), message.retain))


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a condition holds (10 s unless told), and fail where it does not in time."""
    return wait_until


@pytest.fixture
def free_port() -> int:
    """Name a loopback port on which nothing listens."""
    return unused_port()


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Start brokers with additional lines of configuration; all are stopped at the end."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        pytest.skip("mosquitto is not installed")
    with contextlib.ExitStack() as running:

        def make(*lines: str) -> Mosquitto:
            broker = Mosquitto(binary, tmp_path, *lines)
            running.callback(broker.stop)
            broker.start()
            return broker

        yield make


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Start brokers by name, each in a folder of its own, with additional lines; all are stopped at the end."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        pytest.skip("mosquitto is not installed")
    with contextlib.ExitStack() as running:

        def make(name: str, *lines: str) -> Mosquitto:
            (tmp_path / name).mkdir()
            broker = Mosquitto(binary, tmp_path / name, *lines)
            running.callback(broker.stop)
            broker.start()
            return broker

        yield make


@pytest.fixture
def mosquitto(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """Start a broker that lets everybody in."""
    return make_mosquitto()


@pytest.fixture
def subscribe() -> Iterator[Callable[..., Subscriber]]:
    """Subscribe at a broker's port to a topic, all by default; all are closed at the end."""
    with contextlib.ExitStack() as running:

        def open_one(port: int, topic: str = "edgekit/#", protocol: str = "5") -> Subscriber:
            subscriber = Subscriber(port, topic, protocol)
            running.callback(subscriber.close)
            return subscriber

        yield open_one


@pytest.fixture
def network_camera(tmp_path: Path) -> Iterator[Callable[..., NetworkCamera]]:
    """Start network cameras that play a clip, each to a user with a password or to everybody; all end at the end."""
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    present = Path(SYSTEM_PYTHON).exists() and (
        subprocess.run(
            [SYSTEM_PYTHON, "-c", probe],
            capture_output=True,
            check=False,
            env={**os.environ, "GST_REGISTRY": str(tmp_path / "gstreamer-registry")},
        ).returncode
        == 0
    )
    if not present:
        pytest.skip("GStreamer's RTSP server is not installed")
    with contextlib.ExitStack() as running:

        def make(clip: Path, *login: str) -> NetworkCamera:
            camera = NetworkCamera(clip, tmp_path, *login)
            running.callback(camera.stop)
            camera.start()
            return camera

        yield make


@pytest.fixture
def bright_set(tmp_path: Path) -> Path:
    """Write a set of bright pictures with a carton where the brightness model finds one, and of dark ones without."""
    folder = tmp_path / "set"
    (folder / "images" / "val").mkdir(parents=True)
    (folder / "labels" / "val").mkdir(parents=True)
    for index in range(6):
        bright = index < 4
        picture = np.full((64, 64, 3), 255 if bright else 0, np.uint8)
        cv2.imwrite(str(folder / "images" / "val" / f"{index}.png"), picture)
        label = "0 0.5 0.5 0.5 0.25\n" if bright else ""
        (folder / "labels" / "val" / f"{index}.txt").write_text(label)
    description = {
        "schema": "edgekit.dataset/1",
        "name": "bright",
        "licence": "CC0-1.0",
        "source": "made by a test",
        "classes": ["carton", "barcode", "qr"],
        "labelled": ["carton"],
        "pictures": 6,
        "digest": "0" * 64,
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder

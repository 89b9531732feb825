"""A running box that is flooded from all sides at once goes on, answers who may ask, and loses nothing that it took."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge.demo.show import CLIP
from edge.demo.show import TRUSTED_KEY as DETECTOR_KEY
from edge.mqtt.client import ask
from edge.mqtt.command_messages import CommandMessage, CommandName, ReplyMessage
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics

Make = Callable[..., Any]
HOST = "127.0.0.1"
TOPICS = Topics("hall", "box-1")
TOKEN = "a-token-that-nobody-guesses-0123456789"
SHOP = DETECTOR_KEY.parent / "shop"
TRIGGERS = 2000
CONTROLLERS = 4
SAVERS = 16
WATCHERS = 31
BUSY = 503
CONFIG = f"""
[inference]
backend = "openvino"
precision = "int8"
[commands]
clients = ["ops"]
audit_log = "audit.jsonl"
[classifier]
path = "{SHOP / "bundle"}"
trusted_keys = ["{SHOP / "bundle.pub"}"]
[trigger_socket]
port = {{triggers}}
[web]
port = {{web}}
token_file = "token"
[[camera]]
name = "gate"
source = {{{{ kind = "rtsp", url = "{{url}}" }}}}
policy = "trigger"
trigger_deadline_ms = 2000
[[camera]]
name = "belt"
source = {{{{ kind = "rtsp", url = "{{url}}" }}}}
[[camera.line]]
name = "line"
start = [0.55, 1.0]
end = [0.55, 0.0]
"""


class Attacked:
    """A running box, and those who ask it as they may."""

    def __init__(self, broker: int, web: int, triggers: int) -> None:
        self.broker = broker
        self.web = web
        self.triggers = triggers
        self._asked = 0

    def command(self, name: CommandName, **fields: Any) -> ReplyMessage:
        """Ask again where the desk was full, as a client does, by another id."""
        for _ in range(20):
            self._asked += 1
            command = CommandMessage(id=f"c{self._asked}", client="ops", **fields)
            with contextlib.suppress(Exception):
                return ask(Mqtt(port=self.broker), TOPICS, name, command, 20)
        raise AssertionError(f"{name.value} got no reply")

    def http(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(HOST, self.web, timeout=60)
        with contextlib.closing(connection):
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(content), headers)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body.startswith(b"{") else body

    def hold(self, path: str) -> socket.socket:
        """Ask for something and read nothing of it."""
        connection = socket.create_connection((HOST, self.web), 60)
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        connection.sendall(head.encode())
        return connection

    def trigger_all(self, controller: int) -> list[str]:
        """Send a controller's share of the triggers over one connection, each after the answer to the one before."""
        answers: list[str] = []
        with socket.create_connection((HOST, self.triggers), 120) as connection, connection.makefile("r") as lines:
            for number in range(TRIGGERS // CONTROLLERS):
                connection.sendall(f"gate T-{controller}-{number}\n".encode())
                answers.append(lines.readline().strip())
        return answers


def flood(subscriber: Any) -> None:
    """Say all that nobody should, over a real broker."""
    for number in range(300):
        subscriber.publish(TOPICS.acknowledgement("plc", "gate"), b'{"epoch": "x", "upto": 99999999}')
        subscriber.publish(TOPICS.acknowledgement("plc", f"made-up-{number}"), b"\xff\xfe\x00")
        subscriber.publish(TOPICS.command("ping"), b'{"id": "s", "client": "stranger"}')
        subscriber.publish(TOPICS.command(f"made-up-{number}"), b"[" * 4000)
        subscriber.publish(TOPICS.command("pause"), b"\xc3\x28" * 100)
    subscriber.publish(TOPICS.command("snapshot"), bytes(600_000))
    subscriber.publish(f"{TOPICS.root}/cmd//", b"{}")
    subscriber.publish(f"{TOPICS.root}/ack/plc/gate/more", b"1")
    subscriber.publish(f"{TOPICS.root}/cameras/belt/shelf/made-up", b"not json")


def redraw(box: Attacked, drawn: dict[str, Any], masks: Any) -> int:
    """Save a drawing; whoever finds all connections taken comes again, as a browser's user does."""
    for _ in range(200):
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, _said = box.http("PUT", "/api/cameras/belt/drawing", {**drawn, "masks": masks})
            if status != BUSY:
                return status
        time.sleep(0.1)
    raise AssertionError("the page never had room")


def look_up(box: Attacked) -> Any:
    return box.http("GET", "/api/cameras/belt/drawing")[1]


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """End what a test has begun."""
    with contextlib.ExitStack() as begun:
        yield begun


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_box_under_attack_goes_on_and_answers_each_trigger_once(
    network_camera: Make,
    mosquitto: Any,
    subscribe: Make,
    eventually: Make,
    stack: contextlib.ExitStack,
    write_box_toml: Make,
    tmp_path: Path,
):
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        web, triggers = int(one.getsockname()[1]), int(other.getsockname()[1])
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    rest = CONFIG.format(url=network_camera(CLIP).url, web=web, triggers=triggers)
    listener, stranger = subscribe(mosquitto.port), subscribe(mosquitto.port, "nothing/at/all")
    config, log = write_box_toml(mosquitto.port, rest), tmp_path / "run.log"
    with log.open("wb") as lines:  # a pipe that nobody reads would hold the box up
        command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
        process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines))
    stack.callback(process.kill)
    box = Attacked(mosquitto.port, web, triggers)

    def streams() -> bool:
        states = [listener.on(f"{TOPICS.root}/cameras/{name}/status") for name in ("gate", "belt")]
        return all(told and told[-1].json()["state"] == "streaming" for told in states)

    eventually(lambda: process.poll() is not None or streams(), 120)
    assert process.poll() is None, log.read_text()
    with ThreadPoolExecutor(CONTROLLERS + SAVERS + 2) as pool, contextlib.ExitStack() as opened:
        controllers = [pool.submit(box.trigger_all, number) for number in range(CONTROLLERS)]
        flooding = pool.submit(flood, stranger)
        for _ in range(WATCHERS):
            watcher = opened.enter_context(box.hold("/api/events"))
            assert watcher.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 503")
        for _ in range(6):
            opened.enter_context(box.hold("/static/page.css"))
        assert box.http("GET", "/healthz")[0] in (200, 503)  # whichever: it is answered
        drawn = look_up(box)
        wanted = {key: drawn[key] for key in ("revision", "lines", "shelves")}
        masks = [[[[0.0, 0.0], [0.1 + n / 100, 0.0], [0.0, 0.1]]] for n in range(SAVERS)]
        saved = Counter(pool.map(partial(redraw, box, wanted), masks))
        swap = box.command(CommandName.RELOAD_BUNDLE)
        during = [
            box.command(CommandName.PING),
            box.command(CommandName.SET_THRESHOLD, score=0.4),
            box.command(CommandName.SNAPSHOT, camera="belt"),
            box.command(CommandName.SELF_TEST),
        ]
        taught = box.command(CommandName.TEACH, camera="belt", product="attacked", snapshots=2)
        answers = [answer for controller in controllers for answer in controller.result(300)]
        flooding.result(300)
    assert saved == {200: 1, 409: SAVERS - 1}
    assert look_up(box)["masks"][0][1][0] in [mask[0][1][0] for mask in masks]
    assert swap.ok, swap.error
    assert all(reply.ok for reply in during), during
    assert "nothing can be taught here" in (taught.error or ""), taught  # this classifier gives no embeddings
    assert all(answer.startswith("ok T-") for answer in answers), Counter(answer[:40] for answer in answers)

    def answered() -> Counter[str]:
        events = [message.json() for message in listener.on(f"{TOPICS.root}/cameras/gate/events")]
        return Counter({event["event_id"]: event["trigger_id"] for event in events}.values())

    eventually(lambda: len(answered()) == TRIGGERS, 120)
    assert set(answered().values()) == {1}
    status = listener.on(f"{TOPICS.root}/status")[-1].json()
    assert status["state"] in ("online", "degraded")
    assert box.command(CommandName.PING).ok
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0, log.read_text()

"""All of the contract holds over MQTT 3.1.1 too: events, acknowledgements, retained state, wills, commands."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devices.errors import EdgekitError
from edge.mqtt.audit import AuditLog
from edge.mqtt.broker import EmbeddedBroker
from edge.mqtt.client import ask
from edge.mqtt.command_messages import CommandMessage, CommandName
from edge.mqtt.commands import CommandDesk, CommandHall, Desk
from edge.mqtt.consumer import Consumer
from edge.mqtt.inbox import Inbox
from edge.mqtt.link import Link, Outgoing, Received
from edge.mqtt.messages import EventMessage
from edge.mqtt.pace import Pace
from edge.mqtt.publisher import Publisher
from edge.mqtt.section import Mqtt
from edge.mqtt.shelf_messages import ShelfMessage
from edge.mqtt.topics import Topics
from tests.edge.mqtt.conftest import NOON

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto, Subscriber
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox, MakePublisher

    Subscribe = Callable[..., Subscriber]
    Eventually = Callable[..., None]

TOPICS = Topics("hall", "box-1")
QUICK = Pace(backoff_first_s=0.1, backoff_max_s=0.4, confirm_s=0.5)
OLDER = "3.1.1"


@pytest.fixture(params=["mosquitto", "embedded"])
def older(request: pytest.FixtureRequest) -> Iterator[int]:
    """Give the port of a broker that speaks 3.1.1: mosquitto, or an embedded one that speaks nothing else."""
    if request.param == "mosquitto":
        yield request.getfixturevalue("mosquitto").port
    else:
        with EmbeddedBroker(OLDER) as broker:
            yield broker.port


def settings(port: int, **more: Any) -> Mqtt:
    return Mqtt(port=port, protocol=OLDER, **more)


def test_named_consumers_end_events_each_once(
    older: int,
    tmp_path: Path,
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: "Eventually",
) -> None:
    outbox = make_outbox(consumers=("plc",))
    outbox.commit([make_event() for _ in range(20)])  # history
    publisher = make_publisher(outbox, settings(older), pace=QUICK)
    stop, events = threading.Event(), list[EventMessage]()

    def consume() -> None:
        with Inbox(tmp_path / "plc.sqlite", lambda _connection, _event: None) as inbox:
            Consumer(settings(older), TOPICS, "plc", inbox, events.append).run(stop)

    thread = threading.Thread(target=consume)
    thread.start()
    try:
        publisher.start()
        for _ in range(20):
            outbox.commit([make_event()])
            publisher.notify()
        eventually(lambda: outbox.depth == 0 and len(events) >= 40, 30.0)
    finally:
        stop.set()
        thread.join()
    assert sorted(event.seq for event in events) == list(range(1, 41))
    assert outbox.acknowledged() == {"plc": {"belt": 40}}


def test_state_is_retained_told_anew_and_cleared(
    older: int,
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: "Eventually",
) -> None:
    def shelf(run_id: str) -> ShelfMessage:
        return ShelfMessage(
            site="hall",
            box="box-1",
            camera="belt",
            zone="left",
            run_id=run_id,
            counts=(),
            captured_at=NOON,
            comparing=False,
        )

    before = make_outbox("run-1")
    first = make_publisher(before, settings(older), shelves=(("belt", "left"),))
    first.start()
    first.set_shelf(shelf("run-1"))
    assert first.stop(5.0) == 0
    before.close()
    kept = subscribe(older, protocol=OLDER)
    eventually(lambda: {message.topic for message in kept.received} == {TOPICS.status, TOPICS.shelf("belt", "left")})
    assert all(message.retain for message in kept.received)
    assert kept.on(TOPICS.status)[0].json()["state"] == "offline"
    second = make_publisher(make_outbox("run-2"), settings(older))  # the shelf is no longer configured
    second.start()
    eventually(lambda: kept.on(TOPICS.shelf("belt", "left"))[-1].payload == b"")
    online = [message.json() for message in kept.on(TOPICS.status)][-1]
    assert (online["state"], online["run_id"]) == ("online", "run-2")


def test_a_killed_box_is_told_by_its_will(
    older: int, subscribe: "Subscribe", tmp_path: Path, eventually: "Eventually"
) -> None:
    watcher = subscribe(older, protocol=OLDER)
    program = Path(__file__).with_name("publishing_process.py")
    command = [sys.executable, str(program), str(tmp_path), str(older), OLDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            eventually(lambda: watcher.on(TOPICS.events("belt")), 30.0)
        finally:
            process.kill()
    eventually(lambda: watcher.on(TOPICS.status)[-1].json()["state"] == "offline")
    assert watcher.on(TOPICS.status)[-1].json()["reason"] == "connection lost"


def test_commands_are_answered_on_the_clients_own_topic(
    older: int, subscribe: "Subscribe", make_outbox: "MakeOutbox", tmp_path: Path
) -> None:
    watcher = subscribe(older, protocol=OLDER)
    audit = AuditLog(tmp_path / "audit.jsonl")
    desk = CommandDesk(Desk(TOPICS, "run-1", ("ops",)), lambda _name, _command: {"uptime_s": 1.5}, audit)
    publisher = Publisher(settings(older), make_outbox(), cameras=("belt",), versions={})
    publisher.obey(CommandHall(desk))
    publisher.start()
    try:
        reply = ask(settings(older), TOPICS, CommandName.PING, CommandMessage(id="c1", client="ops"), 10)
    finally:
        publisher.stop(1)
        desk.stop(5)
    assert (reply.ok, reply.result) == (True, {"uptime_s": 1.5})
    assert [message.json()["id"] for message in watcher.on(TOPICS.reply("ping", "ops"))] == ["c1"]


def test_a_retained_command_is_refused(
    older: int, subscribe: "Subscribe", make_outbox: "MakeOutbox", tmp_path: Path, eventually: "Eventually"
) -> None:
    watcher = subscribe(older, protocol=OLDER)
    taken = threading.Event()
    link = Link.open(settings(older), "earlier", None, lambda _signal: taken.set())
    kept = CommandMessage(id="c1", client="ops").to_json().encode()
    link.publish(Outgoing(TOPICS.command("ping"), kept, retain=True))
    assert taken.wait(5)
    link.close()
    done: list[str] = []
    audit = AuditLog(tmp_path / "audit.jsonl")
    desk = CommandDesk(Desk(TOPICS, "run-1", ("ops",)), lambda name, _command: done.append(name.value) or {}, audit)
    publisher = Publisher(settings(older), make_outbox(), cameras=("belt",), versions={})
    publisher.obey(CommandHall(desk))
    publisher.start()
    try:
        eventually(lambda: watcher.on(TOPICS.reply("ping", "ops")) or audit.reply_to("ops", "c1") is not None)
        eventually(lambda: b"retained" in (tmp_path / "audit.jsonl").read_bytes())
    finally:
        publisher.stop(1)
        desk.stop(5)
    assert done == []


def test_a_broker_of_the_other_version_is_told_with_the_key_to_turn(make_outbox: "MakeOutbox") -> None:
    outbox = make_outbox()
    with EmbeddedBroker("5") as newer, EmbeddedBroker(OLDER) as broker:
        for port, protocol in ((newer.port, "3.1.1"), (broker.port, "5")):
            wrong = Mqtt(port=port, protocol=protocol, connect_timeout_s=2.0)  # pyright: ignore[reportArgumentType]
            publisher = Publisher(wrong, outbox, cameras=(), versions={})
            with pytest.raises(EdgekitError, match=rf"(?s)speaks MQTT {protocol}.*protocol in \[mqtt\]"):
                publisher.start()


def test_a_refused_login_is_told_with_its_code_and_the_right_credential_opens(
    make_mosquitto: "Callable[..., Mosquitto]",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    users, folder = tmp_path / "users", tmp_path / "credentials"
    users.touch(mode=0o600)
    folder.mkdir()
    subprocess.run(["mosquitto_passwd", "-b", str(users), "box", "right horse"], check=True, capture_output=True)
    broker = make_mosquitto("allow_anonymous false", f"password_file {users}")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    (folder / "password").write_text("wrong horse\n")
    outbox = make_outbox()
    login = settings(broker.port, username="box", password_credential="password")
    with pytest.raises(EdgekitError, match=r"\(Not authorized 0x87\): check user and password in \[mqtt\]"):
        make_publisher(outbox, login).start()
    (folder / "password").write_text("right horse\n")
    publisher = make_publisher(outbox, login)
    publisher.start()
    assert publisher.connected
    assert "horse" not in caplog.text


def test_without_consumers_it_is_told_that_a_refusal_would_not_be_heard(
    older: int, make_outbox: "MakeOutbox", make_publisher: "MakePublisher", caplog: pytest.LogCaptureFixture
) -> None:
    make_publisher(make_outbox(), settings(older)).start()
    assert "the broker also acknowledges what it drops" in caplog.text


def test_a_signal_from_an_older_broker_carries_no_response_topic(older: int, eventually: "Eventually") -> None:
    heard: list[Received] = []
    link = Link.open(
        settings(older), "a", None, lambda signal: heard.append(signal) if isinstance(signal, Received) else None
    )
    granted = threading.Event()
    link.subscribe("x/y", granted.set)
    assert granted.wait(5)
    link.publish(Outgoing("x/y", b"1"))
    eventually(lambda: heard)
    assert (heard[0].response_topic, heard[0].correlation) == (None, None)
    link.close()

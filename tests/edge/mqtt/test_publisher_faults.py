"""Brokers that come late, freeze, refuse events or die, and a publisher that is killed."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.mqtt.pace import Pace
from edge.mqtt.section import Mqtt

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto, Subscriber
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox, MakePublisher

    MakeMosquitto = Callable[..., Mosquitto]
    Subscribe = Callable[..., Subscriber]

STATUS = "edgekit/v1/hall/box-1/status"
EVENTS = "edgekit/v1/hall/box-1/cameras/belt/events"
PROCESS = Path(__file__).with_name("publishing_process.py")


def test_a_broker_that_may_come_late_gets_what_waited_marked_as_replayed(
    make_mosquitto: "MakeMosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    broker = make_mosquitto()
    subscriber = subscribe(broker.port)
    broker.stop()
    outbox = make_outbox()
    publisher = make_publisher(outbox, Mqtt(port=broker.port, at_start="wait"))
    publisher.start()
    outbox.commit([make_event(), make_event()])
    publisher.notify()
    time.sleep(0.3)
    assert not publisher.connected
    broker.start()
    eventually(lambda: len(subscriber.on(EVENTS)) == 2)
    assert all(message.json()["replayed"] for message in subscriber.on(EVENTS))
    assert all(message.json()["latency_ms"]["total"] > 0 for message in subscriber.on(EVENTS))


def test_a_stop_without_a_broker_ends_in_time_and_keeps_the_events(
    make_outbox: "MakeOutbox", make_event: "MakeEvent", make_publisher: "MakePublisher", free_port: int
) -> None:
    outbox = make_outbox()
    publisher = make_publisher(outbox, Mqtt(port=free_port, at_start="wait"))
    publisher.start()
    outbox.commit([make_event()])
    publisher.notify()
    begin_s = time.monotonic()
    assert publisher.stop(0.5) == 1
    assert time.monotonic() - begin_s < 3


def test_a_broker_killed_and_started_again_costs_no_event_and_no_order(
    mosquitto: "Mosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    subscriber = subscribe(mosquitto.port)
    mosquitto.save()
    outbox = make_outbox()
    publisher = make_publisher(outbox, Mqtt(port=mosquitto.port))
    publisher.start()

    def commit(count: int) -> None:
        for _ in range(count):
            outbox.commit([make_event()])
            publisher.notify()

    commit(100)
    # PUBACK is no durability: what the broker has acknowledged must have left it before it dies.
    eventually(lambda: outbox.depth == 0 and len(subscriber.on(EVENTS)) == 100)
    mosquitto.freeze()
    commit(50)
    mosquitto.kill()
    eventually(lambda: not publisher.connected)
    commit(50)
    mosquitto.start()
    eventually(lambda: publisher.connected)
    commit(100)
    assert publisher.stop(20.0) == 0
    eventually(lambda: len({message.json()["seq"] for message in subscriber.on(EVENTS)}) == 300)
    events = [message.json() for message in subscriber.on(EVENTS)]
    live = [event["seq"] for event in events if not event["replayed"]]
    history = [event["seq"] for event in events if event["replayed"]]
    assert live == sorted(set(live))
    assert history == sorted(set(history)) == list(range(101, 201))
    states = [message.json()["state"] for message in subscriber.on(STATUS)]
    assert (states[0], states[-1]) == ("online", "offline")


def test_retained_topics_are_told_anew_before_the_events_after_a_reconnect(
    mosquitto: "Mosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    subscriber = subscribe(mosquitto.port)
    mosquitto.save()
    outbox = make_outbox()
    publisher = make_publisher(outbox, Mqtt(port=mosquitto.port))
    publisher.start()
    mosquitto.kill()
    eventually(lambda: not publisher.connected)
    outbox.commit([make_event()])
    seen = len(subscriber.received)
    mosquitto.start()
    eventually(lambda: subscriber.on(EVENTS))
    anew = [message.topic for message in subscriber.received[seen:]]
    assert STATUS in anew[: anew.index(EVENTS)]


def test_a_broker_that_freezes_is_given_up_and_gets_all_when_it_moves_again(
    mosquitto: "Mosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    caplog: pytest.LogCaptureFixture,
    eventually: "Callable[..., None]",
) -> None:
    subscriber = subscribe(mosquitto.port)
    outbox = make_outbox()
    pace = Pace(backoff_first_s=0.1, backoff_max_s=0.2, stall_s=0.5)
    publisher = make_publisher(outbox, Mqtt(port=mosquitto.port, connect_timeout_s=0.3), pace=pace)
    publisher.start()
    eventually(lambda: subscriber.on(STATUS))
    mosquitto.freeze()
    outbox.commit([make_event()])
    publisher.notify()
    eventually(lambda: not publisher.connected)
    assert "acknowledged nothing for 0.5 s" in caplog.text
    mosquitto.thaw()
    eventually(lambda: outbox.depth == 0)
    eventually(lambda: {message.json()["seq"] for message in subscriber.on(EVENTS)} == {1})
    assert publisher.stop(5.0) == 0
    eventually(lambda: subscriber.on(STATUS)[-1].json()["reason"] == "stopped")


def test_events_that_the_broker_refuses_stay_and_go_again(
    make_mosquitto: "MakeMosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    eventually: "Callable[..., None]",
) -> None:
    rules = tmp_path / "acl"
    rules.write_text(f"topic read #\ntopic write {STATUS}\n")
    broker = make_mosquitto(f"acl_file {rules}")
    subscriber = subscribe(broker.port)
    outbox = make_outbox()
    pace = Pace(refusal_pause_s=0.3, stall_s=30)
    publisher = make_publisher(outbox, Mqtt(port=broker.port), pace=pace)
    publisher.start()
    # One alone: mosquitto 2.0 closes the connection as it refuses, and a reset for unread ones may overtake its answer.
    outbox.commit([make_event()])
    publisher.notify()
    eventually(lambda: "refused events, first 1 of camera belt (Not authorized 0x87)" in caplog.text)
    outbox.commit([make_event() for _ in range(2)])
    publisher.notify()
    assert outbox.depth == 3
    rules.write_text("topic readwrite #\n")
    broker.reload()
    eventually(lambda: outbox.depth == 0)
    eventually(lambda: len(subscriber.on(EVENTS)) >= 3)
    events = [message.json() for message in subscriber.on(EVENTS)]
    assert {event["seq"] for event in events} == {1, 2, 3}
    assert all(event["replayed"] for event in events)


def test_a_small_receive_maximum_of_the_broker_is_heeded(
    make_mosquitto: "MakeMosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    caplog: pytest.LogCaptureFixture,
    eventually: "Callable[..., None]",
) -> None:
    broker = make_mosquitto("max_inflight_messages 2")
    subscriber = subscribe(broker.port)
    outbox = make_outbox()
    outbox.commit([make_event() for _ in range(200)])
    publisher = make_publisher(outbox, Mqtt(port=broker.port))
    publisher.start()
    assert publisher.stop(60.0) == 0
    eventually(lambda: len(subscriber.on(EVENTS)) == 200)
    assert "ended" not in caplog.text


def test_a_broker_that_says_why_it_ends_a_connection_is_quoted(
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    caplog: pytest.LogCaptureFixture,
    eventually: "Callable[..., None]",
) -> None:
    accepted, taken_over = bytes.fromhex("2003000000"), bytes.fromhex("e0018e")

    with socket.create_server(("127.0.0.1", 0)) as server:

        def take_over() -> None:
            connection = server.accept()[0]
            connection.recv(1_000)
            connection.sendall(accepted)
            connection.recv(1_000)
            connection.sendall(taken_over)
            connection.close()

        thread = threading.Thread(target=take_over)
        thread.start()
        publisher = make_publisher(make_outbox(), Mqtt(port=int(server.getsockname()[1])), pace=Pace(backoff_first_s=5))
        publisher.start()
        thread.join()
        eventually(lambda: not publisher.connected)
    assert "(Session taken over 0x8e): another client has this box's client id" in caplog.text


def test_the_broker_tells_of_a_killed_publisher(
    port: int, subscribe: "Subscribe", tmp_path: Path, eventually: "Callable[..., None]"
) -> None:
    subscriber = subscribe(port)
    with subprocess.Popen([sys.executable, str(PROCESS), str(tmp_path), str(port)], stdin=subprocess.PIPE) as process:
        try:
            eventually(lambda: subscriber.on(EVENTS), 60.0)
        finally:
            process.send_signal(signal.SIGKILL)
    eventually(lambda: subscriber.on(STATUS)[-1].json()["state"] == "offline", 30.0)
    will = subscriber.on(STATUS)[-1].json()
    assert (will["run_id"], will["reason"], will["since"]) == ("killed-run", "connection lost", None)
    late = subscribe(port, STATUS)
    eventually(lambda: late.received)
    assert late.received[0].json() == will

"""From commit to a consumer's effect: nothing is lost and nothing has effect twice, whoever is killed meanwhile."""

import contextlib
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devices.errors import EdgekitError
from edge.mqtt.consumer import Consumer
from edge.mqtt.inbox import Inbox
from edge.mqtt.messages import EventMessage
from edge.mqtt.outbox import Outbox
from edge.mqtt.pace import Pace
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto, Subscriber
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox, MakePublisher

TOPICS = Topics("hall", "box-1")
QUICK = Pace(backoff_first_s=0.1, backoff_max_s=0.4, confirm_s=0.5)
HERE = Path(__file__).parent
LEAST = 10  # events that a box commits before anybody is killed
LAST = 2  # events that the last box commits, before it is left alone

Consume = Callable[..., list[EventMessage]]


@pytest.fixture
def consume(tmp_path: Path) -> Iterator[Consume]:
    """Consume at a port in a thread, under a name with a store of its own; returns the growing list of events."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def begin(port: int, name: str = "plc") -> list[EventMessage]:
        events: list[EventMessage] = []

        def main() -> None:
            with Inbox(tmp_path / f"{name}.sqlite", lambda _connection, _event: None) as inbox:
                Consumer(Mqtt(port=port), TOPICS, name, inbox, events.append).run(stop)

        threads.append(threading.Thread(target=main, daemon=True))
        threads[-1].start()
        return events

    yield begin
    stop.set()
    for thread in threads:
        thread.join(10)


def seqs(events: list[EventMessage]) -> list[int]:
    return [event.seq for event in events]


def test_acknowledged_events_end_in_the_outbox(
    port: int,
    consume: Consume,
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
) -> None:
    outbox = make_outbox(consumers=("plc",))
    publisher = make_publisher(outbox, Mqtt(port=port), pace=QUICK)
    events = consume(port)
    publisher.start()
    for _ in range(50):
        outbox.commit([make_event()])
        publisher.notify()
    eventually(lambda: outbox.depth == 0 and len(events) >= 50)
    assert sorted(seqs(events)) == list(range(1, 51))
    assert outbox.acknowledged() == {"plc": {"belt": 50}}


def test_without_its_consumer_an_event_waits_though_the_broker_has_it(
    port: int,
    subscribe: "Callable[..., Subscriber]",
    consume: Consume,
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
) -> None:
    outbox = make_outbox(consumers=("plc", "archive"))
    watcher = subscribe(port)
    publisher = make_publisher(outbox, Mqtt(port=port), pace=QUICK)
    publisher.start()
    outbox.commit([make_event() for _ in range(3)])
    publisher.notify()
    plc = consume(port, "plc")
    eventually(lambda: outbox.acknowledged()["plc"] == {"belt": 3})
    assert outbox.depth == 3
    archive = consume(port, "archive")  # it was away when the events first went
    eventually(lambda: outbox.depth == 0 and len(archive) >= 3)
    # Whoever subscribes in the middle of a round takes its end first: delivery is at least once, the set counts.
    assert sorted(seqs(plc)) == sorted(seqs(archive)) == [1, 2, 3]
    sent = [message.json() for message in watcher.on(TOPICS.events("belt"))]
    assert [event["replayed"] for event in sent[:3]] == [False] * 3
    assert len(sent) > 3
    assert all(event["replayed"] for event in sent[3:])


def test_history_does_not_run_further_ahead_of_the_slowest_consumer_than_allowed(
    mosquitto: "Mosquitto",
    subscribe: "Callable[..., Subscriber]",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
) -> None:
    first = make_outbox(consumers=("plc",))
    first.commit([make_event() for _ in range(100)])
    first.close()
    outbox = make_outbox("run-2", consumers=("plc",))
    watcher = subscribe(mosquitto.port)
    pace = Pace(backoff_first_s=0.1, backoff_max_s=0.4, confirm_s=60.0, history_ahead=20)
    publisher = make_publisher(outbox, Mqtt(port=mosquitto.port), pace=pace)
    publisher.start()
    eventually(lambda: len(watcher.on(TOPICS.events("belt"))) >= 20)
    outbox.commit([make_event()])
    publisher.notify()
    eventually(lambda: len(watcher.on(TOPICS.events("belt"))) >= 21)
    time.sleep(0.3)
    sent = [(event["seq"], event["replayed"]) for event in (m.json() for m in watcher.on(TOPICS.events("belt")))]
    assert sent == [(seq, True) for seq in range(1, 21)] + [(101, False)]


def test_a_status_tells_how_far_consumers_have_come_and_what_was_refused(
    mosquitto: "Mosquitto",
    subscribe: "Callable[..., Subscriber]",
    consume: Consume,
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
) -> None:
    outbox = make_outbox(consumers=("plc",))
    watcher = subscribe(mosquitto.port)
    pace = Pace(status_every_s=0.2, confirm_s=0.5)
    publisher = make_publisher(outbox, Mqtt(port=mosquitto.port), pace=pace)
    consume(mosquitto.port)
    publisher.start()
    outbox.commit([make_event()])
    publisher.notify()
    eventually(lambda: any(m.json()["consumers"] == {"plc": {"belt": 1}} for m in watcher.on(TOPICS.status)))
    assert watcher.on(TOPICS.status)[-1].json()["refused_acknowledgements"] == 0


def test_a_consumer_that_finds_no_broker_says_so_at_once(free_port: int, tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite", lambda _connection, _event: None) as inbox:
        consumer = Consumer(Mqtt(port=free_port), TOPICS, "plc", inbox)
        with pytest.raises(EdgekitError, match="no broker can be reached"):
            consumer.run(threading.Event(), 1.0)


def test_the_command_prints_each_event_once_and_keeps_it(
    mosquitto: "Mosquitto",
    tmp_path: Path,
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
) -> None:
    outbox = make_outbox(consumers=("plc",))
    publisher = make_publisher(outbox, Mqtt(port=mosquitto.port), pace=QUICK)
    outbox.commit([make_event(text="4006381333931"), make_event(text="5901234123457")])
    publisher.start()
    store = tmp_path / "store.sqlite"
    command = [sys.executable, "-m", "edge", "subscribe", "--site", "hall", "--box", "box-1", "--consumer", "plc"]
    command += ["--store", str(store), "--port", str(mosquitto.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(2)]
        eventually(lambda: outbox.depth == 0, 60.0)
        process.terminate()
        said += process.stdout.read().splitlines()
    assert process.returncode == 0
    assert [line.split()[1:5] for line in said] == [
        ["belt", "1", "read", "4006381333931"],
        ["belt", "2", "read", "5901234123457"],
    ]
    with sqlite3.connect(store) as connection:
        assert connection.execute("SELECT camera, seq FROM events").fetchall() == [("belt", 1), ("belt", 2)]


@contextlib.contextmanager
def running(program: str, *arguments: str) -> Generator["subprocess.Popen[str]"]:
    command = [sys.executable, str(HERE / program), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said_by(process: "subprocess.Popen[str]", lines: int | None = None) -> list[tuple[str, str, int]]:
    """Return what a killed box had said to be on disk, or the next lines of what a living one says."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)] if lines else process.stdout.read().splitlines()
    words = [line.split() for line in said]
    return [(word[0], word[1], int(word[2])) for word in words if len(word) == 3]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kills", [8, pytest.param(100, marks=pytest.mark.long)])
def test_no_committed_event_is_lost_or_has_effect_twice_whoever_is_killed(
    mosquitto: "Mosquitto", tmp_path: Path, kills: int, eventually: Callable[..., None]
) -> None:
    chance = random.Random(kills)
    outbox, store = tmp_path / "outbox.sqlite", tmp_path / "store.sqlite"
    port = str(mosquitto.port)
    said: list[tuple[str, str, int]] = []
    with contextlib.ExitStack() as started:

        def box(number: int, most: int = 100_000) -> "subprocess.Popen[str]":
            arguments = (port, str(outbox), f"run-{number}", str(most))
            return started.enter_context(running("steady_process.py", *arguments))

        def consumer() -> "subprocess.Popen[str]":
            return started.enter_context(running("consuming_process.py", port, str(store)))

        boxes, consumers = [box(0)], [consumer()]
        for number in range(1, kills + 1):
            said += said_by(boxes[-1], LEAST)  # however slow the machine: between any two kills something is committed
            time.sleep(chance.uniform(0.3, 1.2))
            match chance.choice(("box", "consumer", "broker")):
                case "box":
                    boxes[-1].kill()
                    said += said_by(boxes[-1])
                    boxes.append(box(number))
                case "consumer":
                    consumers[-1].kill()
                    consumers[-1].wait()
                    consumers.append(consumer())
                case _:
                    mosquitto.kill()
                    mosquitto.start()
            if consumers[-1].poll() is not None:  # it does not start without a broker
                consumers.append(consumer())
        boxes[-1].kill()
        said += said_by(boxes[-1])
        boxes.append(box(kills + 1, most=LAST))
        said += said_by(boxes[-1], LAST)
        if consumers[-1].poll() is not None:
            consumers.append(consumer())
        eventually(lambda: _all_have_effect(store, said), 120.0)
        consumers[-1].kill()
        consumers[-1].wait()
    effects = _effects(store)
    assert len(said) > LEAST * kills
    assert len(effects) == len(set(effects))
    assert set(said) <= set(effects)
    for camera in ("belt", "dock"):
        numbers = sorted(seq for name, _, seq in effects if name == camera)
        assert numbers == list(range(1, len(numbers) + 1))
    assert len({epoch for _, epoch, _ in effects}) == 1


def _effects(store: Path) -> list[tuple[str, str, int]]:
    """Read the store of a consumer that is dead or alive; it keeps its own lock, so a copy is read."""
    for suffix in ("", "-wal"):
        source = store.with_name(store.name + suffix)
        if source.exists():
            store.with_name(f"copy.sqlite{suffix}").write_bytes(source.read_bytes())
    with contextlib.closing(sqlite3.connect(store.with_name("copy.sqlite"))) as connection:
        return connection.execute("SELECT camera, epoch, seq FROM effects").fetchall()


def _all_have_effect(store: Path, said: list[tuple[str, str, int]]) -> bool:
    try:
        return set(said) <= set(_effects(store))
    except sqlite3.DatabaseError:  # copied in the middle of a write
        return False


def test_a_stop_does_not_wait_for_a_consumer_that_is_away(
    port: int, make_outbox: "MakeOutbox", make_event: "MakeEvent", make_publisher: "MakePublisher"
) -> None:
    outbox: Outbox = make_outbox(consumers=("plc",))
    publisher = make_publisher(outbox, Mqtt(port=port), pace=QUICK)
    publisher.start()
    outbox.commit([make_event()])
    began = time.monotonic()
    assert publisher.stop(20.0) == 1
    assert time.monotonic() - began < 10

"""A disk that refuses: nothing crashes, what is decided waits in memory and is told, and all goes on with the disk."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devices.errors import EdgekitError
from edge.mqtt.conversion import Origin
from edge.mqtt.event_writer import NOT_STORED, EventWriter
from edge.mqtt.outbox import Outbox
from edge.mqtt.outbox_file import OutboxFile, open_file
from edge.mqtt.section import Mqtt
from edge.mqtt.status import Condition
from edge.tags.events import EventKind, TagEvent

Make = Callable[..., Any]


class Disk:
    """An outbox's file on a disk that is full when we say so."""

    def __init__(self, file: OutboxFile) -> None:
        self._connection = file.connection

    def fill(self) -> None:
        pages = int(self._connection.execute("PRAGMA page_count").fetchone()[0])
        self._connection.execute(f"PRAGMA max_page_count={pages}")

    def make_room(self) -> None:
        self._connection.execute("PRAGMA max_page_count=1000000")


def large(make_event: Make, number: int) -> TagEvent:
    event = make_event(text=f"{number}-" + "x" * 5_000)
    return dataclasses.replace(event, captured_at=event.captured_at + timedelta(seconds=number))


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Outbox, Disk]:
    file = open_file(tmp_path / "outbox.sqlite")
    return Outbox(file, origin=Origin("hall", "box-1", "run-1")), Disk(file)


def texts(outbox: Outbox) -> list[str]:
    return [tag.value.split("-")[0] for stored in outbox.pending(1_000) for tag in stored.body.tags]


def test_what_is_decided_while_the_disk_is_full_is_committed_in_order_when_there_is_room(
    parts: tuple[Outbox, Disk], make_event: Make
):
    outbox, disk = parts
    now_s, committed = [0.0], list[TagEvent]()
    writer = EventWriter(outbox, lambda events, _seqs: committed.extend(events), clock=lambda: now_s[0])
    writer.commit([large(make_event, 0)])
    assert writer.alarms == ()
    disk.fill()
    for number in range(1, 6):
        writer.commit([large(make_event, number)])
    (alarm,) = writer.alarms
    assert "full" in alarm
    assert "5 events wait in memory, 0 could not" in alarm
    disk.make_room()
    writer.try_again()  # too early: a full disk is not asked with every tick
    assert len(committed) == 1
    now_s[0] += 2
    writer.try_again()
    assert writer.alarms == ()
    writer.commit([large(make_event, 6)])
    assert texts(outbox) == [str(number) for number in range(7)]
    assert [stored.body.seq for stored in outbox.pending(10)] == list(range(1, 8))
    assert len(committed) == 7
    outbox.close()


def test_what_memory_cannot_hold_is_told_as_lost(parts: tuple[Outbox, Disk], make_event: Make):
    outbox, disk = parts
    writer = EventWriter(outbox, lambda _events, _seqs: None, most_held=3)
    disk.fill()
    for number in range(10):
        writer.commit([large(make_event, number)])
    assert "3 events wait in memory, 7 could not" in writer.alarms[0]
    disk.make_room()
    writer.close()
    lost, *kept = [stored.body for stored in outbox.pending(100)]
    assert lost.kind is EventKind.LOST
    assert lost.interval is not None
    assert (lost.interval.cause, lost.interval.seqs) == (NOT_STORED, ())
    assert lost.interval.end - lost.interval.start == timedelta(seconds=6)
    assert [body.kind for body in kept] == [EventKind.READ] * 3
    outbox.close()


def test_a_run_that_ends_with_a_full_disk_says_how_much_it_could_not_store(
    parts: tuple[Outbox, Disk], make_event: Make
):
    outbox, disk = parts
    writer = EventWriter(outbox, lambda _events, _seqs: None)
    disk.fill()
    writer.commit([large(make_event, 0), large(make_event, 1)])
    with pytest.raises(EdgekitError, match="2 events are lost: the outbox cannot be written"):
        writer.close()
    outbox.close()


def test_the_status_tells_what_the_parts_say_of_themselves(
    make_outbox: Make, make_publisher: Make, mosquitto: Any, subscribe: Make, eventually: Make
):
    subscriber = subscribe(mosquitto.port)
    publisher = make_publisher(make_outbox(), Mqtt(port=mosquitto.port))
    publisher.watch(lambda: Condition(0.35, ("the disk is full",)))
    publisher.start()
    topic = "edgekit/v1/hall/box-1/status"
    eventually(lambda: subscriber.on(topic))
    status = subscriber.on(topic)[0].json()
    assert (status["state"], status["reason"], status["score_threshold"]) == ("degraded", "the disk is full", 0.35)

import dataclasses
import json
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devices.errors import EdgekitError
from edge.mqtt.bounds import Bounds
from edge.mqtt.conversion import Origin
from edge.mqtt.messages import CameraPosition
from edge.mqtt.outbox import Outbox
from edge.mqtt.outbox_file import open_file
from edge.tags.events import EventKind, Region

if TYPE_CHECKING:
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox


def test_seq_counts_from_one_for_each_camera(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    outbox = make_outbox()
    assert outbox.commit([make_event("belt"), make_event("dock"), make_event("belt")]) == (1, 1, 2)
    assert outbox.commit([make_event("dock")]) == (2,)
    assert outbox.depth == 4


def test_pending_events_come_in_the_order_of_commits_and_by_pages(
    make_outbox: "MakeOutbox", make_event: "MakeEvent"
) -> None:
    outbox = make_outbox()
    outbox.commit([make_event("dock"), *(make_event("belt") for _ in range(5))])
    first = outbox.pending(2)
    rest = outbox.pending(10, after=first[-1].position, upto=outbox.last_position - 1)
    assert [(event.body.camera, event.body.seq) for event in first + rest] == [
        ("dock", 1),
        ("belt", 1),
        ("belt", 2),
        ("belt", 3),
        ("belt", 4),
    ]


def test_a_delivered_event_is_gone_and_its_seq_is_not_given_again(
    make_outbox: "MakeOutbox", make_event: "MakeEvent"
) -> None:
    outbox = make_outbox()
    outbox.commit([make_event(), make_event()])
    outbox.delivered([("belt", 1), ("belt", 2), ("belt", 2), ("nowhere", 7)])
    assert outbox.pending(10) == []
    assert outbox.depth == 0
    outbox.close()
    again = make_outbox("run-2")
    assert again.commit([make_event()]) == (3,)
    assert again.positions() == {"belt": CameraPosition(last_seq=3, oldest_unacknowledged=3)}


def test_epoch_and_events_outlive_the_run(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    first = make_outbox("run-1")
    first.commit([make_event()])
    first.close()
    second = make_outbox("run-2")
    second.commit([make_event()])
    assert second.epoch == first.epoch
    assert [(event.body.run_id, event.body.seq) for event in second.pending(10)] == [("run-1", 1), ("run-2", 2)]


def test_beyond_the_bound_the_oldest_are_told_as_lost(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    outbox = make_outbox(bounds=Bounds(events=100))
    outbox.commit([make_event() for _ in range(100)])
    assert outbox.commit([make_event()]) == (101,)
    kept = [event.body for event in outbox.pending(200)]
    lost = kept[-1]
    assert lost.kind is EventKind.LOST
    assert lost.interval is not None
    assert lost.interval.seqs == ((1, 3),)  # one too many, one for the lost event itself, one of slack
    assert lost.interval.cause == "outbox_full"
    assert [body.seq for body in kept] == list(range(4, 103))
    assert outbox.depth == 99


def test_a_flood_settles_within_the_bound(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    outbox = make_outbox(bounds=Bounds(events=100))
    outbox.commit([make_event("belt" if number % 2 else "dock") for number in range(700)])
    assert outbox.depth <= 100
    for _ in range(150):
        outbox.commit([make_event("belt"), make_event("dock")])
        assert outbox.depth <= 100
    reads = [event for event in outbox.pending(200) if event.body.kind is EventKind.READ]
    assert len(reads) >= 20  # losses that are told do not crowd out what is kept


def test_an_event_that_is_not_valid_leaves_nothing_behind(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    outbox = make_outbox()
    wrong = dataclasses.replace(make_event(), regions=(Region("carton", float("nan"), (0.0, 0.0, 1.0, 1.0)),))
    with pytest.raises(ValueError, match="score"):
        outbox.commit([make_event(), wrong])
    assert outbox.depth == 0
    assert outbox.commit([make_event()]) == (1,)


def test_registered_cameras_are_known_without_events(make_outbox: "MakeOutbox") -> None:
    outbox = make_outbox()
    outbox.register_cameras(["dock", "belt"])
    assert outbox.positions() == {
        "belt": CameraPosition(last_seq=0, oldest_unacknowledged=None),
        "dock": CameraPosition(last_seq=0, oldest_unacknowledged=None),
    }


def test_threads_that_commit_together_leave_no_gap(make_outbox: "MakeOutbox", make_event: "MakeEvent") -> None:
    outbox = make_outbox()
    given: list[int] = []

    def work() -> None:
        for _ in range(50):
            given.extend(outbox.commit([make_event(), make_event()]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == list(range(1, 401))
    assert outbox.depth == 400


def test_an_event_that_cannot_be_read_is_told_and_blocks_nothing(
    make_outbox: "MakeOutbox", make_event: "MakeEvent", tmp_path: Path
) -> None:
    outbox = make_outbox()
    outbox.commit([make_event(), make_event(), make_event()])
    outbox.close()
    with sqlite3.connect(tmp_path / "outbox.sqlite") as raw:
        raw.execute("UPDATE events SET body = ? WHERE seq = 2", (json.dumps({"schema": "edgekit.event/1"}),))
    raw.close()
    again = make_outbox()
    assert [event.body.seq for event in again.pending(10)] == [1, 3]
    lost = again.pending(10)[-1].body
    assert lost.kind is EventKind.LOST
    assert lost.interval is not None
    assert (lost.interval.cause, lost.interval.seqs) == ("unreadable", ((2, 2),))


def test_a_full_disk_is_one_clear_error_and_loses_nothing(make_event: "MakeEvent", tmp_path: Path) -> None:
    file = open_file(tmp_path / "outbox.sqlite")
    outbox = Outbox(file, origin=Origin("hall", "box-1", "run-1"))
    outbox.commit([make_event()])
    pages = int(file.connection.execute("PRAGMA page_count").fetchone()[0])
    file.connection.execute(f"PRAGMA max_page_count={pages}")
    flood = [make_event(text="x" * 2_000) for _ in range(20)]
    with pytest.raises(EdgekitError, match=r"cannot be written: .*full; check its disk"):
        outbox.commit(flood)
    assert outbox.depth == 1
    file.connection.execute("PRAGMA max_page_count=10000")
    assert outbox.commit(flood) == tuple(range(2, 22))
    outbox.close()

"""What the box's status raises an alarm about on the side of events, before and after anything is lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.mqtt.bounds import Bounds
from edge.mqtt.section import Mqtt

Make = Callable[..., Any]
STATUS = "edgekit/v1/hall/box-1/status"


def reason_told(outbox: Any, make_publisher: Make, port: int, subscriber: Any, eventually: Make) -> tuple[str, str]:
    make_publisher(outbox, Mqtt(port=port)).start()
    eventually(lambda: subscriber.on(STATUS))
    status = subscriber.on(STATUS)[0].json()
    return status["state"], status["reason"] or ""


def test_a_consumer_that_is_behind_is_named_before_anything_is_lost(
    make_outbox: Make, make_event: Make, make_publisher: Make, mosquitto: Any, subscribe: Make, eventually: Make
):
    outbox = make_outbox(bounds=Bounds(events=100), consumers=("sorter", "archive"))
    outbox.commit([make_event() for _ in range(85)])
    outbox.acknowledge({("archive", "belt"): 60})
    told = reason_told(outbox, make_publisher, mosquitto.port, subscribe(mosquitto.port), eventually)
    assert told == ("degraded", "the outbox is full to 85%, since consumer sorter did not acknowledge them")


def test_a_consumer_away_past_the_bounds_is_still_told_by_the_next_run(
    make_outbox: Make, make_event: Make, make_publisher: Make, mosquitto: Any, subscribe: Make, eventually: Make
):
    first = make_outbox(bounds=Bounds(events=100), consumers=("sorter",))
    first.commit([make_event() for _ in range(150)])
    first.close()
    again = make_outbox("run-2", bounds=Bounds(events=100), consumers=("sorter",))
    state, reason = reason_told(again, make_publisher, mosquitto.port, subscribe(mosquitto.port), eventually)
    assert state == "degraded"
    assert reason.endswith("events were discarded undelivered, since consumer sorter did not acknowledge them")


def test_an_outbox_that_was_set_aside_is_told_with_its_new_epoch(
    make_outbox: Make, make_publisher: Make, mosquitto: Any, subscribe: Make, eventually: Make, tmp_path: Path
):
    (tmp_path / "outbox.sqlite").write_bytes(b"no database at all" * 1_000)
    state, reason = reason_told(make_outbox(), make_publisher, mosquitto.port, subscribe(mosquitto.port), eventually)
    assert state == "degraded"
    assert "outbox.sqlite.corrupt-1: a new epoch began" in reason

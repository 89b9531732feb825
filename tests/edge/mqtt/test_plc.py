"""The flat form of events: plain, bounded, in order, and acknowledged by a plain integer."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from edge.mqtt.conversion import Origin, Stamp, event_body, event_message
from edge.mqtt.messages import EventMessage
from edge.mqtt.pace import Pace
from edge.mqtt.plc import MOST_BYTES, PlcMessage, plc_message
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics
from edge.mqtt.wire import MOST_SEQ, json_schema
from edge.tags.events import EventKind, Interval, NoReadReason, Stock, Tag, TagEvent, TagSource
from edge.video.frame import ClockSource
from tests.edge.mqtt.conftest import NOON

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto, Subscriber
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox, MakePublisher

TOPICS = Topics("hall", "box-1")
VALIDATOR = Draft202012Validator(json_schema(PlcMessage))
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def sent(event: TagEvent, seq: int = 7, **changes: Any) -> EventMessage:
    stamp = Stamp("01890a5d-ac96-774b-bcce-b302099a8057", "e" * 32, seq)
    body = event_body(event, Origin("hall", "box-1", "run-1"), stamp).model_copy(update=changes)
    return event_message(body, published_at=NOON, waited_ms=1.0, total_ms=12.4, replayed=False)


@pytest.fixture
def event(make_event: "MakeEvent") -> TagEvent:
    return make_event()


def test_every_key_is_there_and_plain(event: TagEvent) -> None:
    flat = json.loads(plc_message(sent(event), 3).to_json())
    VALIDATOR.validate(flat)
    assert all(isinstance(value, str | int | bool) for value in flat.values())
    assert flat == {
        "schema": "edgekit.plc/1",
        "epoch": "e" * 32,
        "seq": 7,
        "oldest": 3,
        "kind": "read",
        "reason": "",
        "code": "4006381333931",
        "codes": 1,
        "product": "",
        "route": "",
        "zone": "exit",
        "direction": "left_to_right",
        "trigger_id": "",
        "track": 7,
        "tag": "",
        "count": 0,
        "too_long": False,
        "late": False,
        "replayed": False,
        "captured_ms": 1740830400123,
        "age_ms": 12,
    }


def test_a_parcel_without_a_text_a_shelf_and_a_gap_have_the_same_keys(event: TagEvent) -> None:
    unread = replace(event, kind=EventKind.NO_READ, reason=NoReadReason.GLARE, tags=())
    shelf = replace(event, kind=EventKind.LOW_STOCK, tags=(), stock=Stock("cola", 2, NOON, limit=3))
    gap = TagEvent("belt", EventKind.UNOBSERVED, NOON, event.clock, 0.0, 0, interval=Interval(NOON, NOON, "paused"))
    flats = [json.loads(plc_message(sent(one), 1).to_json()) for one in (event, unread, shelf, gap)]
    assert len({tuple(flat) for flat in flats}) == 1
    assert [(flat["kind"], flat["reason"], flat["code"], flat["tag"], flat["count"]) for flat in flats] == [
        ("read", "", "4006381333931", "", 0),
        ("no_read", "glare", "", "", 0),
        ("low_stock", "", "", "cola", 2),
        ("unobserved", "", "", "", 0),
    ]


def test_of_several_codes_the_surest_is_told_and_how_many_there_are(event: TagEvent) -> None:
    tags = tuple(Tag("code", text, score, TagSource.BARCODE) for text, score in (("a", 0.5), ("b", 0.9), ("b", 0.7)))
    flat = plc_message(sent(replace(event, kind=EventKind.MULTI_READ, tags=tags)), 1)
    assert (flat.code, flat.codes) == ("b", 2)


def test_a_text_that_does_not_fit_is_left_out_whole_and_that_is_told(event: TagEvent) -> None:
    long = replace(event, tags=(Tag("code", "1" * 129, 0.9, TagSource.BARCODE),))
    flat = plc_message(sent(long), 1)
    assert (flat.code, flat.codes, flat.too_long) == ("", 1, True)
    fits = replace(event, tags=(Tag("code", "1" * 128, 0.9, TagSource.BARCODE),))
    assert (plc_message(sent(fits), 1).code, plc_message(sent(fits), 1).too_long) == ("1" * 128, False)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_no_message_is_longer_than_promised(code: str, product: str, route: str, trigger: str, tag: str) -> None:
    event = TagEvent(
        camera="belt",
        kind=EventKind.OUT_OF_STOCK,
        captured_at=datetime.max.replace(tzinfo=NOON.tzinfo),
        clock=ClockSource.HOST,
        arrived_s=0.0,
        frame_index=0,
        zone="z" * 64,
        direction="d" * 64,
        track_id=2**63,
        tags=(Tag("code", code, 1.0, TagSource.BARCODE),),
        product=product,
        route=route,
        stock=Stock(tag, 10**9, NOON),
    )
    flat = plc_message(sent(event, seq=MOST_SEQ, trigger_id=trigger), MOST_SEQ)
    written = flat.to_json().encode()
    assert len(written) <= MOST_BYTES
    VALIDATOR.validate(json.loads(written))


@pytest.mark.parametrize("receive_maximum", [1, 20])
def test_each_event_goes_flat_too_in_the_same_order_and_ends_once_both_are_taken(
    make_mosquitto: "Callable[..., Mosquitto]",
    subscribe: "Callable[..., Subscriber]",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
    receive_maximum: int,
) -> None:
    broker = make_mosquitto(f"max_inflight_messages {receive_maximum}")
    watcher = subscribe(broker.port)
    outbox = make_outbox()
    outbox.commit([make_event() for _ in range(30)])  # history
    publisher = make_publisher(outbox, Mqtt(port=broker.port, plc=("belt",)), cameras=("belt", "dock"))
    publisher.start()
    for _ in range(30):
        outbox.commit([make_event(), make_event("dock")])
        publisher.notify()
    eventually(lambda: outbox.depth == 0 and len(watcher.on(TOPICS.plc("belt"))) == 60, 20.0)
    flats = [message.json() for message in watcher.on(TOPICS.plc("belt"))]
    events = [message.json() for message in watcher.on(TOPICS.events("belt"))]
    assert [(flat["seq"], flat["replayed"]) for flat in flats] == [(one["seq"], one["replayed"]) for one in events]
    assert [flat["seq"] for flat in flats if flat["replayed"]] == list(range(1, 31))
    assert all(1 <= flat["oldest"] <= flat["seq"] for flat in flats)
    assert watcher.on(TOPICS.plc("dock")) == []
    assert not any(message.retain for message in watcher.on(TOPICS.plc("belt")))


def test_an_event_whose_flat_form_is_refused_stays(
    make_mosquitto: "Callable[..., Mosquitto]",
    tmp_path: Any,
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
) -> None:
    rules = tmp_path / "rules"
    rules.write_text(f"topic readwrite edgekit/#\ntopic deny {TOPICS.plc('belt')}\n")
    broker = make_mosquitto(f"acl_file {rules}")
    outbox = make_outbox()
    pace = Pace(refusal_pause_s=0.2)
    publisher = make_publisher(outbox, Mqtt(port=broker.port, plc=("belt",)), pace=pace)
    publisher.start()
    outbox.commit([make_event()])
    publisher.notify()
    eventually(lambda: publisher.connected)
    with pytest.raises(AssertionError, match="did not come true"):
        eventually(lambda: outbox.depth == 0, 1.0)
    rules.write_text("topic readwrite edgekit/#\n")
    broker.reload()
    eventually(lambda: outbox.depth == 0)


def test_a_plc_acknowledges_with_a_plain_integer(
    port: int,
    subscribe: "Callable[..., Subscriber]",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
) -> None:
    watcher = subscribe(port)
    outbox = make_outbox(consumers=("plc",))
    publisher = make_publisher(outbox, Mqtt(port=port, plc=("belt",)), pace=Pace(confirm_s=30.0))
    publisher.start()
    outbox.commit([make_event() for _ in range(3)])
    publisher.notify()
    eventually(lambda: len(watcher.on(TOPICS.plc("belt"))) == 3)
    watcher.publish(TOPICS.acknowledgement("plc", "belt"), b"3")
    eventually(lambda: outbox.depth == 0)

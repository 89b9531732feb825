import dataclasses
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from edge.mqtt.conversion import Origin, Stamp, event_body, event_message
from edge.mqtt.messages import EventBody, EventMessage
from edge.mqtt.wire import json_schema
from edge.tags.events import EventKind, Interval, NoReadReason, Stock
from edge.video.frame import ClockSource

if TYPE_CHECKING:
    from tests.edge.mqtt.conftest import MakeEvent

ORIGIN = Origin("hall", "box-1", "run-1", "sha256:abc")
STAMP = Stamp("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "epoch-1", 12, host_synchronised=True)
NOW = datetime(2025, 3, 1, 12, 0, 1, tzinfo=timezone.utc)


def test_every_field_reaches_the_wire(make_event: "MakeEvent") -> None:
    event = make_event()
    carton, barcode = event.regions
    outlined = dataclasses.replace(barcode, outline=((100.0, 60.0), (200.0, 60.0), (200.0, 90.0)))
    body = event_body(dataclasses.replace(event, regions=(carton, outlined)), ORIGIN, STAMP)
    message = event_message(body, published_at=NOW, waited_ms=3.0004, total_ms=20.5, replayed=False)
    assert json.loads(message.to_json()) == {
        "schema": "edgekit.event/1",
        "event_id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "site": "hall",
        "box": "box-1",
        "camera": "belt",
        "run_id": "run-1",
        "epoch": "epoch-1",
        "seq": 12,
        "kind": "read",
        "captured_at": {"time": "2025-03-01T12:00:00.123Z", "source": "host", "synchronised": True},
        "frame": {"index": 41, "width": 640, "height": 480},
        "late": False,
        "track": 7,
        "zone": "exit",
        "direction": "left_to_right",
        "boxes": [
            {
                "label": "carton",
                "score": 0.91,
                "pixels": [64.0, 48.0, 320.0, 240.0],
                "normalised": [0.1, 0.1, 0.5, 0.5],
                "outline": None,
            },
            {
                "label": "barcode",
                "score": 0.8,
                "pixels": [100.0, 60.0, 200.0, 90.0],
                "normalised": [0.15625, 0.125, 0.3125, 0.1875],
                "outline": [[0.15625, 0.125], [0.3125, 0.125], [0.3125, 0.1875]],
            },
        ],
        "tags": [
            {"key": "code", "value": "4006381333931", "score": 0.97, "source": "barcode", "symbology": "EAN13"},
        ],
        "product": None,
        "route": None,
        "catalogue_digest": None,
        "routes_digest": None,
        "classifier_digest": None,
        "gallery_digest": None,
        "trigger_id": None,
        "reason": None,
        "interval": None,
        "stock": None,
        "model_digest": "sha256:abc",
        "published_at": "2025-03-01T12:00:01.000Z",
        "latency_ms": {"stages": {"decode": 1.25, "inference": 12.5, "outbox": 3.0}, "total": 20.5},
        "replayed": False,
    }


def test_an_event_of_another_run_has_no_latency_in_this_ones_time(make_event: "MakeEvent") -> None:
    body = event_body(make_event(), ORIGIN, STAMP)
    message = event_message(body, published_at=NOW, waited_ms=None, total_ms=None, replayed=True)
    assert message.latency_ms.total is None
    assert "outbox" not in message.latency_ms.stages


def test_a_shelfs_event_tells_product_number_and_since_when(make_event: "MakeEvent") -> None:
    stock = Stock("cola", 3, NOW - timedelta(seconds=4), away_s=2.5)
    event = dataclasses.replace(make_event(), kind=EventKind.PUT_BACK, zone="left", stock=stock)
    message = event_message(
        event_body(event, ORIGIN, STAMP), published_at=NOW, waited_ms=None, total_ms=None, replayed=False
    )
    written = json.loads(message.to_json())
    Draft202012Validator(json_schema(EventMessage)).validate(written)
    assert written["kind"] == "put_back"
    assert written["stock"] == {
        "tag": "cola",
        "count": 3,
        "before": None,
        "since": "2025-03-01T11:59:57.000Z",
        "away_s": 2.5,
        "limit": None,
    }


def test_an_event_that_an_earlier_release_kept_has_no_stock(make_event: "MakeEvent") -> None:
    kept = json.loads(event_body(make_event(), ORIGIN, STAMP).to_json())
    del kept["stock"]
    assert EventBody.model_validate_json(json.dumps(kept)).stock is None


def test_an_unobserved_stretch_tells_from_to_and_cause(make_event: "MakeEvent") -> None:
    gap = Interval(NOW - timedelta(seconds=2), NOW, "camera_lost")
    event = dataclasses.replace(
        make_event(), kind=EventKind.UNOBSERVED, interval=gap, regions=(), tags=(), frame_size=None
    )
    message = event_message(
        event_body(event, ORIGIN, STAMP), published_at=NOW, waited_ms=0.0, total_ms=0.0, replayed=False
    )
    written = json.loads(message.to_json())
    assert written["interval"] == {
        "from": "2025-03-01T11:59:59.000Z",
        "to": "2025-03-01T12:00:01.000Z",
        "cause": "camera_lost",
        "seqs": [],
    }
    assert written["frame"] is None
    Draft202012Validator(json_schema(EventMessage)).validate(written)


@pytest.mark.parametrize(
    ("clock", "synchronised"),
    [(ClockSource.HOST, True), (ClockSource.V4L2, True), (ClockSource.FILE, False), (ClockSource.RTCP, None)],
)
def test_only_the_hosts_own_times_can_be_called_synchronised(
    make_event: "MakeEvent", clock: ClockSource, *, synchronised: bool | None
) -> None:
    body = event_body(dataclasses.replace(make_event(), clock=clock), ORIGIN, STAMP)
    assert body.captured_at.synchronised is synchronised


def test_a_missing_text_keeps_its_reason(make_event: "MakeEvent") -> None:
    event = dataclasses.replace(make_event(), kind=EventKind.NO_READ, reason=NoReadReason.GLARE, tags=())
    assert event_body(event, ORIGIN, STAMP).reason is NoReadReason.GLARE


def test_boxes_without_a_frame_size_are_refused(make_event: "MakeEvent") -> None:
    with pytest.raises(ValueError, match="without frame size"):
        event_body(dataclasses.replace(make_event(), frame_size=None), ORIGIN, STAMP)

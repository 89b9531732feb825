import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from edge.mqtt.messages import (
    MESSAGES,
    BoxState,
    CameraDrops,
    CameraPosition,
    CameraState,
    CameraStatusMessage,
    EventMessage,
    StatusMessage,
)
from edge.mqtt.wire import WireModel, format_utc, json_schema

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001
STATUS = StatusMessage(
    site="hall",
    box="box-1",
    run_id="run-1",
    state=BoxState.ONLINE,
    reason=None,
    since=datetime(2025, 3, 1, tzinfo=timezone.utc),
    published_at=datetime(2025, 3, 1, tzinfo=timezone.utc),
    versions={"edgekit": "0.1.0"},
    model_digest=None,
    epoch="e",
    outbox_depth=0,
    cameras={"belt": CameraPosition(last_seq=3, oldest_unacknowledged=2)},
    consumers={"plc": {"belt": 3}},
    refused_acknowledgements=0,
)


@pytest.mark.parametrize("model", MESSAGES)
def test_each_schema_is_valid_closed_and_named(model: type[WireModel]) -> None:
    schema = json_schema(model)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] in {f"urn:edgekit:{name}:1" for name in ("event", "status", "camera", "shelf", "ack")}
    assert schema["additionalProperties"] is False
    assert "schema" in schema["required"]


def test_the_event_schema_requires_every_field_of_the_contract() -> None:
    expected = (
        "schema event_id site box camera run_id epoch seq kind captured_at published_at latency_ms late replayed track "
        "zone direction boxes tags product route catalogue_digest routes_digest classifier_digest gallery_digest "
        "trigger_id reason interval stock model_digest frame"
    )
    assert set(json_schema(EventMessage)["required"]) == set(expected.split())


@given(TIMES)
def test_times_are_utc_with_milliseconds_and_sort_as_text(time: datetime) -> None:
    text = format_utc(time)
    assert text.endswith("Z")
    assert len(text) == len("2025-03-01T12:00:00.123Z")
    told = datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert timedelta(0) <= time - told < timedelta(milliseconds=1)


@given(TIMES, TIMES)
def test_times_sort_as_text(first: datetime, second: datetime) -> None:
    if first <= second:
        assert format_utc(first) <= format_utc(second)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="must say its zone"):
        StatusMessage.model_validate({**STATUS.model_dump(), "since": datetime(2025, 3, 1)})  # noqa: DTZ001


def test_a_message_reads_what_it_wrote() -> None:
    assert StatusMessage.model_validate_json(STATUS.to_json()) == STATUS


def test_an_unknown_key_is_refused() -> None:
    written: dict[str, Any] = json.loads(STATUS.to_json())
    with pytest.raises(ValidationError, match="Extra inputs"):
        StatusMessage.model_validate_json(json.dumps({**written, "mood": "fine"}))


def test_a_message_of_another_schema_is_refused() -> None:
    written: dict[str, Any] = json.loads(STATUS.to_json())
    with pytest.raises(ValidationError, match="schema"):
        StatusMessage.model_validate_json(json.dumps({**written, "schema": "edgekit.status/2"}))


def test_a_camera_status_holds_to_its_schema() -> None:
    status = CameraStatusMessage(
        site="hall",
        box="box-1",
        camera="belt",
        run_id="run-1",
        state=CameraState.STALLED,
        since=datetime(2025, 3, 1, tzinfo=timezone.utc),
        fps=None,
        drops=CameraDrops(superseded=3, damaged=0, blind=0),
        reason="no frame for 5 s",
    )
    Draft202012Validator(json_schema(CameraStatusMessage)).validate(json.loads(status.to_json()))


def test_nan_has_no_place_in_a_message() -> None:
    with pytest.raises(ValidationError, match="finite"):
        CameraStatusMessage(
            site="s",
            box="b",
            camera="c",
            run_id="r",
            state=CameraState.STREAMING,
            since=datetime(2025, 3, 1, tzinfo=timezone.utc),
            fps=float("nan"),
            drops=CameraDrops(superseded=0, damaged=0, blind=0),
            reason=None,
        )

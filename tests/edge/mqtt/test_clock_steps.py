"""A host's clock that is wrong or set while a box runs: nothing is lost, each time says what it is."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from edge.mqtt.bounds import Bounds
from edge.mqtt.clock import Clock
from edge.mqtt.pace import Pace
from edge.mqtt.publisher import Publisher
from edge.mqtt.section import Mqtt, Tls

Make = Callable[..., Any]
EVENTS = "edgekit/v1/hall/box-1/cameras/belt/events"


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_steps_by_a_day_loses_nothing_and_disturbs_no_latency(
    make_outbox: Make, make_event: Make, mosquitto: Any, subscribe: Make, eventually: Make, days: int
):
    step = [timedelta()]
    clock = Clock(utc=lambda: datetime.now(timezone.utc) + step[0], synchronised=lambda: not step[0])
    outbox = make_outbox(bounds=Bounds(age_s=3_600), clock=clock)
    subscriber = subscribe(mosquitto.port)
    publisher = Publisher(Mqtt(port=mosquitto.port), outbox, cameras=("belt",), versions={}, clock=clock)
    publisher.start()
    try:
        outbox.commit([make_event() for _ in range(5)])
        publisher.notify()
        eventually(lambda: len(subscriber.on(EVENTS)) == 5)
        step[0] = timedelta(days=days)
        outbox.commit([make_event() for _ in range(5)])
        publisher.notify()
        eventually(lambda: len(subscriber.on(EVENTS)) == 10)
    finally:
        publisher.stop(5)
    events = [message.json() for message in subscriber.on(EVENTS)]
    assert [event["seq"] for event in events] == list(range(1, 11))
    assert [event["captured_at"]["source"] for event in events] == ["host"] * 10
    assert [event["captured_at"]["synchronised"] for event in events] == [True] * 5 + [False] * 5
    moved = [datetime.fromisoformat(event["published_at"].replace("Z", "+00:00")) for event in events]
    assert abs((moved[9] - moved[0]) / timedelta(days=1) - days) < 0.01
    assert all(0 <= event["latency_ms"]["stages"]["outbox"] < 60_000 for event in events)
    assert outbox.discarded == 0


def test_mutual_tls_waits_bounded_for_a_plausible_clock_and_says_so(
    make_outbox: Make, free_port: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, eventually: Make
):
    now = [datetime(1970, 1, 1, tzinfo=timezone.utc)]
    (tmp_path / "box.pem").write_text("none")
    own = Tls(certificate_file=tmp_path / "box.pem", key_file=tmp_path / "box.pem")
    settings = Mqtt(port=free_port, tls=own, at_start="wait")
    pace = Pace(clock_s=1.0, backoff_first_s=0.05, backoff_max_s=0.1)
    clock = Clock(utc=lambda: now[0])
    publisher = Publisher(settings, make_outbox(), cameras=(), versions={}, clock=clock, pace=pace)
    caplog.set_level(logging.INFO)
    began_s = time.monotonic()
    publisher.start()
    eventually(lambda: "trying again" in caplog.text)  # the wait has an end, and the attempt says what else is wrong
    assert time.monotonic() - began_s >= 1.0
    assert caplog.text.count("this host's clock says 1970-01-01: mutual TLS waits up to 1 s") == 1
    publisher.stop(0)

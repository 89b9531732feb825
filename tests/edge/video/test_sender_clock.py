"""A camera's own clock is believed where it tells a plausible time, and followed as it is corrected."""

import struct
from datetime import datetime, timedelta, timezone
from fractions import Fraction

import pytest

from edge.video.frame import ClockSource
from edge.video.sender_clock import SenderClock
from edge.video.usb import capture_time

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def reference(time: datetime) -> bytes:
    return struct.pack("<qi", round(time.timestamp() * 1_000_000), 24)


def test_a_picture_is_as_far_from_the_report_as_its_media_time():
    clock = SenderClock()
    assert clock.time_of(Fraction(3)) is None
    clock.report(Fraction(10), reference(NOON))
    assert clock.time_of(Fraction(25, 2)) == NOON + timedelta(seconds=2.5)
    clock.report(Fraction(20), reference(NOON + timedelta(seconds=11)))
    assert clock.time_of(Fraction(20)) == NOON + timedelta(seconds=11)


@pytest.mark.parametrize(
    "told", [b"", b"\0" * 7, struct.pack("<q", 0), struct.pack("<q", -1), struct.pack("<q", 2**62)]
)
def test_a_time_that_cannot_be_is_not_believed(told: bytes):
    clock = SenderClock()
    clock.report(Fraction(0), told)
    assert clock.time_of(Fraction(1)) is None


@pytest.mark.parametrize(
    ("stamped_s", "clock", "age_s"),
    [(99.95, ClockSource.V4L2, 0.05), (0.0, ClockSource.HOST, 0.0), (101.0, ClockSource.HOST, 0.0)],
)
def test_a_drivers_stamp_is_believed_where_it_is_of_the_hosts_monotonic_clock(
    stamped_s: float, clock: ClockSource, age_s: float
):
    told, named = capture_time(stamped_s, 100.0, NOON)
    assert named is clock
    assert abs((NOON - told).total_seconds() - age_s) < 1e-3

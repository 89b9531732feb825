from datetime import timedelta

from edge.mqtt.clock import SYSTEM_CLOCK


def test_the_system_clock_tells_utc() -> None:
    assert SYSTEM_CLOCK.utc().utcoffset() == timedelta(0)


def test_the_kernel_is_asked_without_changing_its_clock() -> None:
    before_s = SYSTEM_CLOCK.monotonic()
    told = {SYSTEM_CLOCK.synchronised() for _ in range(100)}
    assert told <= {True, False, None}
    assert SYSTEM_CLOCK.monotonic() >= before_s

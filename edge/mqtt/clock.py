"""The times that messages tell and ages reckon by, in one place so that they can be passed in."""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

_TIME_ERROR = 5
_Timex = ctypes.c_char * 512  # struct timex has 208 bytes on 64-bit Linux; room for its growth
_libc = ctypes.CDLL(None)


def utc_now() -> datetime:
    """Return the host's time, UTC-aware."""
    return datetime.now(timezone.utc)


def host_clock_synchronised() -> bool | None:
    """Return whether the kernel's clock is disciplined by a time source, None where the kernel does not say.

    Source: adjtimex(2); with no mode bits set it only reads, and TIME_ERROR means unsynchronised.
    """
    state = int(_libc.adjtimex(_Timex()))
    return None if state < 0 else state != _TIME_ERROR


@dataclass(frozen=True, slots=True)
class Clock:
    """Where times come from.

    Attributes:
        monotonic: Seconds that never step, comparable within a boot of this host.
        utc: The host's time, UTC-aware.
        synchronised: Whether the host's time is disciplined, None where unknown.
    """

    monotonic: Callable[[], float] = time.monotonic
    utc: Callable[[], datetime] = utc_now
    synchronised: Callable[[], bool | None] = host_clock_synchronised


SYSTEM_CLOCK = Clock()

"""Identifiers that sort by the time they were made: event ids and run ids."""

import secrets
from uuid import UUID

_MILLISECONDS = (1 << 48) - 1


def uuid7(unix_ms: int) -> UUID:
    """Return a new UUID of version 7.

    Two ids of one millisecond differ but have no order between them; where order counts, an event has its seq.

    Args:
        unix_ms: Milliseconds since 1970-01-01 UTC, from the caller's clock.

    Returns:
        48 bits of time, version 7, 12 random bits, variant 10, 62 random bits.

    Raises:
        ValueError: The time does not fit in 48 bits.

    Source: RFC 9562, section 5.7.
    """
    if not 0 <= unix_ms <= _MILLISECONDS:
        raise ValueError(f"{unix_ms} ms since 1970 does not fit in a UUIDv7, which has 48 bits for it")
    random = secrets.randbits(74)
    rand_a, rand_b = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)

"""Says what happens again and again now and then: who floods a box must flood neither its log nor its disk."""

from edge.mqtt.clock import Clock

_TOLD_EVERY_S = 10.0


class Sparing:
    """Lets one of many be told in ten seconds, with how many there were. Used by one thread.

    Args:
        clock: Where times come from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0
        self._told_s: float | None = None

    def more(self) -> int:
        """Count one more; return how many there were since the last that was told, 0 where it is too early to tell."""
        self._count += 1
        now_s = self._clock.monotonic()
        if self._told_s is not None and now_s < self._told_s + _TOLD_EVERY_S:
            return 0
        count, self._count, self._told_s = self._count, 0, now_s
        return count


class Allowance:
    """So many at once, and one more after each pause. Used by one thread.

    Args:
        at_once: Of a flood's beginning.
        every_s: Seconds after which there is one more.
        clock: Where times come from.
    """

    def __init__(self, at_once: int, every_s: float, clock: Clock) -> None:
        self._at_once = at_once
        self._every_s = every_s
        self._clock = clock
        self._left = float(at_once)
        self._since_s = clock.monotonic()

    def take(self) -> bool:
        """Take one; False where none is left."""
        now_s = self._clock.monotonic()
        self._left = min(self._at_once, self._left + (now_s - self._since_s) / self._every_s)
        self._since_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True

"""Holds a camera's windows against those of the time when all was well; a pure half, without threads or I/O."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from edge.drift.figures import BRIGHTNESS, MARGIN, MOVEMENT, NO_READ, OBJECTS, SCORE, SHARE, SHARPNESS

_SPREADS = 4.0  # as many times the usual spread a window may be off
_OF_NORMAL = 1.4826  # a normal distribution's standard deviation in median deviations
# What has to change at least before anybody is called; of brightness and sharpness the factor, since they multiply.
_LEAST_FACTOR = {BRIGHTNESS: 1.33, SHARPNESS: 1.5}
_DARKEST = 1e-6
_LEAST = {SCORE: 0.1, MARGIN: 0.15, NO_READ: 0.3}
_LEAST_SHARE = 0.25
_LEAST_OF_OBJECTS = 0.6  # of the usual number
_REST = 0.2  # of the usual movement: plain things move less of a picture than printed ones, a belt at rest next to none
_SPARSE = 0.5  # objects a picture: where fewer are usual, none is nothing new
_LEAST_WINDOWS = 3

Windows = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Off:
    """A figure that moved.

    Attributes:
        figure: Its name.
        value: What it is now.
        usual: What it was.
        since: Start of the first window that was off.
    """

    figure: str
    value: float
    usual: float
    since: datetime

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.figure} {self.value:.3g} instead of {self.usual:.3g} since {self.since:%Y-%m-%d %H:%M:%S} UTC"


class Judge:
    """Judges one camera, window by window.

    Args:
        reference: Windows of the time when all was well, by figure; empty where they are still to come.
        reference_windows: As many are needed.
        alarm_windows: As many in a row have to be off, and within again.
    """

    def __init__(self, reference: Windows, reference_windows: int, alarm_windows: int) -> None:
        self._reference = {name: list(values) for name, values in reference.items()}
        self._needed = reference_windows
        self._alarm_windows = alarm_windows
        self._last: dict[str, deque[bool]] = {}
        self._since: dict[str, datetime] = {}
        self._off: dict[str, Off] = {}

    @property
    def reference(self) -> Windows:
        """What is compared with."""
        return self._reference

    @property
    def learning(self) -> bool:
        """Whether the measure is still being taken."""
        return len(self._reference.get(BRIGHTNESS, ())) < self._needed

    @property
    def off(self) -> tuple[Off, ...]:
        """All that has moved."""
        return tuple(self._off.values())

    def take(self, means: Mapping[str, float], start: datetime) -> None:
        """Take a finished window: into the measure as long as that is wanting, else held against it."""
        if self.learning:
            for name, value in means.items():
                self._reference.setdefault(name, []).append(value)
            return
        shares = {name: 0.0 for name in self._reference if name.startswith(SHARE)} if SCORE in means else {}
        for name, value in {**shares, **means}.items():  # a class that is not seen any more has a share of none
            # Movement is no fault by itself; it tells a belt that rests, which shows nothing, from things unknown.
            if name != MOVEMENT and not (name == OBJECTS and self._rests(means)):
                self._hold(name, value, start)

    def limits(self, figure: str) -> tuple[float, float] | None:
        """Return between which values a figure is as usual, None where too little is known of it."""
        values = self._usual(figure)
        if len(values) < _LEAST_WINDOWS:
            return None
        if figure == OBJECTS:
            usual = median(values)
            return (_within(values, _LEAST_OF_OBJECTS * usual)[0], math.inf) if usual >= _SPARSE else None
        factor = _LEAST_FACTOR.get(figure)
        if factor is None:
            return _within(values, _LEAST.get(figure, _LEAST_SHARE))
        low, high = _within([math.log(max(value, _DARKEST)) for value in values], math.log(factor))
        return math.exp(low), math.exp(high)

    def _rests(self, means: Mapping[str, float]) -> bool:
        """Say whether next to nothing moves in a window, or nobody knows what is usual."""
        values = self._reference.get(MOVEMENT, ())
        return not values or means.get(MOVEMENT, 0.0) < _REST * median(values)

    def _usual(self, figure: str) -> Sequence[float]:
        """Return a figure's windows of the measure; a class that was not seen in one had a share of none."""
        values = self._reference.get(figure, ())
        windows = len(self._reference.get(SCORE, ())) if figure.startswith(SHARE) else 0
        return [*values, *[0.0] * (windows - len(values))]

    def _hold(self, figure: str, value: float, start: datetime) -> None:
        limits = self.limits(figure)
        if limits is None:
            return
        low, high = limits
        compared = max(value, _DARKEST) if figure in _LEAST_FACTOR else value
        outside = not low <= compared <= high
        last = self._last.setdefault(figure, deque(maxlen=self._alarm_windows))
        if outside and not (last and last[-1]) and figure not in self._off:
            self._since[figure] = start
        last.append(outside)
        if len(last) == self._alarm_windows and all(last):
            self._off[figure] = Off(figure, value, median(self._usual(figure)), self._since[figure])
        elif len(last) == self._alarm_windows and not any(last):
            self._off.pop(figure, None)


def _within(values: Sequence[float], least: float) -> tuple[float, float]:
    usual = median(values)
    spread = _OF_NORMAL * median(abs(value - usual) for value in values)
    half = max(least, _SPREADS * spread)
    return usual - half, usual + half

"""Looks at the machine while a run goes on: what it was like is more than what its counters say at both ends."""

import statistics
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import final

from edge.bench.record import MachineState
from edge.bench.sensors import Glance, Reading, glance, joules, read_sensors, throttled

_EVERY_S = 0.25


@final
class Vigil:
    """Samples the machine from its beginning to its end, as a context manager; afterwards it tells what it saw.

    Args:
        root: Of the machine's file system; `/` but for tests.
        every_s: Between two looks.
    """

    def __init__(self, root: Path = Path("/"), every_s: float = _EVERY_S) -> None:
        self._root = root
        self._every_s = every_s
        self._glances: list[Glance] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="vigil", daemon=True)
        self._before = self._after = Reading(None, None, None)
        self._began_s = self._seconds = 0.0

    def __enter__(self) -> "Vigil":
        """Begin to look."""
        self._before = read_sensors(self._root)
        self._began_s = time.monotonic()
        self._glances.append(glance(self._root))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()
        self._seconds = time.monotonic() - self._began_s
        self._after = read_sensors(self._root)

    @property
    def throttled(self) -> bool | None:
        """Whether heat slowed cores down, None where nobody counts."""
        return throttled(self._before, self._after)

    @property
    def energy_j(self) -> float | None:
        """Joules of the processor's packages or of a Jetson's module, None where neither is told."""
        counted = joules(self._before, self._after)
        if counted is not None:
            return counted
        watts = [seen.power_w for seen in self._glances if seen.power_w is not None]
        return statistics.mean(watts) * self._seconds if watts else None

    @property
    def state(self) -> MachineState:
        """What the machine was like."""
        told = {name: [getattr(seen, name) for seen in self._glances] for name in Glance.__slots__}
        known = {name: [value for value in values if value is not None] for name, values in told.items()}
        return MachineState(
            temperature_c=max(known["temperature_c"], default=None),
            clock_mhz=min(known["clock_mhz"], default=None),
            gpu_percent=statistics.mean(known["gpu_percent"]) if known["gpu_percent"] else None,
            gpu_clock_mhz=min(known["gpu_clock_mhz"], default=None),
            power_w=statistics.mean(known["power_w"]) if known["power_w"] else None,
        )

    def _watch(self) -> None:
        while not self._ended.wait(self._every_s):
            self._glances.append(glance(self._root))

"""Whether a release on trial is at work on its start, or hangs in it; seen from outside, by its unit's control group.

A start takes minutes where a model is compiled first, or the ways to run it are measured, and until it is over the box
tells no vital signs. Its own word would not do: it is what is judged, and while ONNX Runtime loads a model no other
thread of its interpreter runs that could give it. The kernel counts what a unit's processes compute, and who hangs
computes nothing.

Source: Linux, Control Group v2, `cpu.stat`, which every group has, whatever controllers are switched on.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import final

_HIERARCHIES = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))  # the only one, or beside the older ones
_UNIT = "system.slice/edgekit.service"
_WORK_S = 0.2  # a hundredth of a processor in the gate's 20 s: threads that wait and look around now and then take less
_UNCOUNTED_S = 180.0  # what its unit gives a start, where the kernel does not count


def service_groups() -> tuple[Path, ...]:
    """Return where the service's control group may lie, none where the kernel counts by no group of version 2."""
    return tuple(root / _UNIT for root in _HIERARCHIES if (root / "cgroup.controllers").is_file())


def computed_s(groups: tuple[Path, ...]) -> float | None:
    """Return the processor seconds that a unit's processes have taken since it was started, None where none run."""
    for group in groups:
        with contextlib.suppress(OSError):  # no group, or one that has just gone
            told = dict(line.split() for line in (group / "cpu.stat").read_text(encoding="ascii").splitlines())
            return int(told["usage_usec"]) / 1e6
    return None


@final
class StartWatch:
    """Whether a release on trial is at work on its start, hangs in it, or runs.

    Args:
        groups: Where its control group may lie; none where the kernel does not count, which is then given the time that
            the unit gives a start.
        pending_s: For how long the start is waited for: before it the release that is replaced is stopped.
        hang_s: For how long a start that goes on computes something at least.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        groups: tuple[Path, ...],
        pending_s: float,
        hang_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups = groups
        self._pending_s = pending_s if groups else _UNCOUNTED_S
        self._hang_s = hang_s
        self._clock = clock
        self._began_s = self._worked_s = self._now_s = clock()
        self._computed_s: float | None = None
        self._over = False

    def look(self, *, begun: bool, runs: bool) -> None:
        """Look at it now.

        Args:
            begun: Whether its unit has begun to start it, and does not stop the one before any more.
            runs: Whether it tells vital signs: its start is over.
        """
        self._now_s = self._clock()
        if self._over:
            return
        if runs:
            self._over, self._worked_s = True, self._now_s
        elif begun and self._groups:
            self._compare(computed_s(self._groups))
        elif self._now_s - self._began_s < self._pending_s:
            self._worked_s = self._now_s

    def _compare(self, computed_s: float | None) -> None:
        before_s = self._computed_s
        # Fewer seconds than before are another start's.
        idle = computed_s is not None and before_s is not None and 0 <= computed_s - before_s < _WORK_S
        if not idle:
            self._computed_s = computed_s
            self._worked_s = self._worked_s if computed_s is None else self._now_s

    @property
    def idle_s(self) -> float:
        """Seconds since it was last at work on its start; once that is over, since then."""
        return self._now_s - self._worked_s

    @property
    def starts_s(self) -> float:
        """Seconds for which it has been starting; 0 once that is over."""
        return 0.0 if self._over else self._now_s - self._began_s

    @property
    def hangs(self) -> bool:
        """Whether its processes are there, its start is not over, and nothing was computed for too long."""
        return not self._over and self._computed_s is not None and self.idle_s >= self._hang_s

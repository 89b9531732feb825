"""The stages' heartbeats, and the watchdog that is fed only while all of them beat.

A stage that hangs can be mended by nothing but a restart: the watchdog is not fed, and systemd restarts the unit. A
lost camera or a trigger that never comes hangs no stage, so neither ever restarts anything.
"""

import logging
import time
from collections.abc import Callable

from edge.runtime.service_manager import ServiceManager

_log = logging.getLogger(__name__)

LONGEST_SILENCE_S = 10.0  # of a stage: an inference takes at most a second, a commit to a worn disk a few


class Pulse:
    """When each stage last said that it goes on. Any thread may beat.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beats: dict[str, float] = {}

    def beat(self, stage: str) -> None:
        """Say that a stage goes on; the first beat makes it known."""
        self._beats[stage] = self._clock()

    def silent(self) -> dict[str, float]:
        """Return the stages that have been silent for too long, and for how many seconds."""
        now_s = self._clock()
        return {
            stage: now_s - beat_s for stage, beat_s in list(self._beats.items()) if now_s - beat_s > LONGEST_SILENCE_S
        }


class Watchdog:
    """Feeds the service manager's watchdog, in the supervisor's thread, as long as every stage beats.

    Args:
        pulse: Of the stages.
        manager: Whom to tell.
        clock: Returns monotonic seconds.
    """

    def __init__(self, pulse: Pulse, manager: ServiceManager, clock: Callable[[], float] = time.monotonic) -> None:
        self._pulse = pulse
        self._manager = manager
        self._clock = clock
        self._period_s = None if manager.watchdog_s is None else manager.watchdog_s / 3
        self._fed_s = clock()
        self._told: frozenset[str] = frozenset()

    def turn(self) -> None:
        """Feed the watchdog where it is due and nothing hangs; say once what does."""
        silent = self._pulse.silent()
        for stage in silent.keys() - self._told:
            _log.error("stage %s has hung for %.0f s: the watchdog is no longer fed", stage, silent[stage])
        self._told = frozenset(silent)
        now_s = self._clock()
        if not silent and self._period_s is not None and now_s - self._fed_s >= self._period_s:
            self._fed_s = now_s
            self._manager.alive()

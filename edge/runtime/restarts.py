"""Whether a run that ends was the last one: an operator may ask for another, with what stands in box.toml then."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Operator:
    """What the box's page may do to a run beside looking at it.

    Attributes:
        file: The box.toml that it was started from.
        restart: Begins the run anew with what stands in it.
    """

    file: Path
    restart: Callable[[], None]


class Restarts:
    """Ends runs, from any thread or a signal handler.

    Attributes:
        stop: Set while the present run has to end.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._again = False
        self._over = False

    def end(self) -> None:
        """End the run, and begin no other."""
        self._over = True
        self.stop.set()

    def restart(self) -> None:
        """End the run, and begin it anew."""
        self._again = True
        self.stop.set()

    def go_on(self) -> bool:
        """Whether another run is to begin; asked when one has ended."""
        again, self._again = self._again, False
        self.stop.clear()
        if self._over:  # looked at after the clearing: a signal that came in between still counts
            self.stop.set()
        return again and not self._over

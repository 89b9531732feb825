"""Tells systemd how the box does: starting, ready, alive, stopping; on a machine without it nothing is told.

Source: sd_notify(3): datagrams of `KEY=value` lines to the socket that NOTIFY_SOCKET names; a name that begins with @
is of the abstract namespace. WATCHDOG_USEC is the time within which the service has to say that it is alive.
EXTEND_TIMEOUT_USEC moves the end of the time for the start, never to before what TimeoutStartSec= gives it.
"""

import contextlib
import os
import socket
from collections.abc import Mapping


class ServiceManager:
    """The manager that started this process, as its environment names it.

    Args:
        environment: Of the process.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        micros = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog_s = int(micros) / 1e6 if self._address and meant and micros.isdigit() else None

    @property
    def listens(self) -> bool:
        """Whether there is a manager, which starts a service anew that has ended."""
        return bool(self._address)

    @property
    def watchdog_s(self) -> float | None:
        """Within how many seconds the manager wants to hear that the service is alive; None where it does not ask."""
        return self._watchdog_s

    def starting(self, status: str, most_s: float | None = None) -> None:
        """Say what the start is at, before it is ready: afterwards a longer time would let the watchdog wait too.

        Args:
            status: For a person.
            most_s: Seconds from now in which it may be ready; None for what the unit says.
        """
        more = "" if most_s is None else f"EXTEND_TIMEOUT_USEC={most_s * 1e6:.0f}\n"
        self._tell(f"{more}STATUS={status}")

    def ready(self, status: str) -> None:
        """Say that the service is at its work."""
        self._tell(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """Say that the service is alive."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the service ends."""
        self._tell("STOPPING=1")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        # A manager that does not listen must not keep a box from its work.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.setblocking(False)
            to.sendto(message.encode(), self._address)

"""Triggers as lines over TCP, for controllers that speak no MQTT: `CAMERA TRIGGER_ID`, answered by one line each.

gate 4711           ->  ok 4711              it was taken; its event follows by the camera's deadline
gate 4711           ->  ok 4711 known        it was taken before: the same event goes out again
door 4712           ->  error 'door' is no camera that takes triggers: gate
"""

import contextlib
import logging
import re
import socket
import struct
import threading
import time
from collections.abc import Callable

from devices.errors import EdgekitError
from edge.config import TriggerSocket
from edge.mqtt.trigger_log import TakenTrigger
from edge.printable import printable
from edge.tags.triggers import TRIGGER_ID

_log = logging.getLogger(__name__)

MOST_LINE_BYTES = 256
_ANSWER_S = 2  # a controller that takes no answers for so long is let go
_AGAIN_S = 0.5
_SILENT_S = 30  # seconds after which the kernel asks whether the other side is still there

Take = Callable[[str, str], TakenTrigger]


class TriggerListener:
    """Listens from `start` to `stop`; a thread for each connection, as many as the configuration allows.

    Args:
        settings: From the configuration.
        take: Takes a trigger, by camera and id; raises EdgekitError where it cannot.
    """

    def __init__(self, settings: TriggerSocket, take: Take) -> None:
        self._settings = settings
        self._take = take
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, float] = {}  # with the monotonic second of the last whole line
        self._stopping = False
        self._listening: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self._listening.getsockname()[1]) if self._listening is not None else self._settings.port

    def start(self) -> None:
        """Begin to listen.

        Raises:
            EdgekitError: The port cannot be had.
        """
        where = (self._settings.host, self._settings.port)
        try:
            self._listening = socket.create_server(where, family=_family(self._settings.host))
        except OSError as exc:
            raise EdgekitError(
                f"cannot listen for triggers at {where[0]}:{where[1]} ({exc.strerror or exc}): check [trigger_socket]"
            ) from exc
        threading.Thread(target=self._accept, args=(self._listening,), name="triggers", daemon=True).start()

    def stop(self) -> None:
        """Take no more triggers and end all connections."""
        with self._lock:
            self._stopping = True
            opened = [*self._connections, *([self._listening] if self._listening is not None else [])]
        for each in opened:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        with listening:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError as exc:
                    if self._stopping:
                        return
                    # No descriptor was free, say: that passes, and a line without triggers would stand still for ever.
                    _log.warning("a connection for triggers could not be taken: %s", exc)
                    time.sleep(_AGAIN_S)
                    continue
                if not self._welcome(connection):
                    return

    def _welcome(self, connection: socket.socket) -> bool:
        """Serve a connection in a thread of its own, if there is room; False once stopped."""
        with self._lock:
            full = len(self._connections) >= self._settings.max_connections and not self._make_room()
            if not (self._stopping or full):
                self._connections[connection] = time.monotonic()
        if self._stopping or full:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_ANSWER_S)
                connection.sendall(b"error too many connections: close another one first\n")
            return not self._stopping
        threading.Thread(target=self._serve, args=(connection,), name="trigger-connection", daemon=True).start()
        return True

    def _make_room(self) -> bool:
        """End the connection that was silent for longest, if that is long enough. Under the lock."""
        idlest = min(self._connections, key=lambda each: self._connections[each], default=None)
        if idlest is None or time.monotonic() - self._connections[idlest] < self._settings.idle_s:
            return False
        del self._connections[idlest]
        with contextlib.suppress(OSError):
            idlest.shutdown(socket.SHUT_RDWR)
        return True

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_S)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # Of answers alone: a controller may say nothing for as long as it likes.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _ANSWER_S, 0))
                self._converse(connection)
        except Exception:  # noqa: BLE001 - the top of a thread: the others go on
            _log.exception("a connection for triggers failed")
        finally:
            with self._lock:
                self._connections.pop(connection, None)

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            while line := lines.readline(MOST_LINE_BYTES + 1):
                if len(line) > MOST_LINE_BYTES:
                    connection.sendall(f"error a line has at most {MOST_LINE_BYTES} bytes\n".encode())
                    return
                if line.endswith(b"\n"):  # half a line before the end of a connection is no trigger
                    with self._lock:
                        if connection in self._connections:
                            self._connections[connection] = time.monotonic()
                    connection.sendall(self._answer(line).encode() + b"\n")

    def _answer(self, line: bytes) -> str:
        parts = line.decode("ascii", errors="replace").split()
        if len(parts) != 2 or re.match(TRIGGER_ID, parts[1]) is None:  # noqa: PLR2004 - camera and id
            return "error a line is: CAMERA TRIGGER_ID, the id of at most 64 letters, digits or _ . : -"
        try:
            taken = self._take(*parts)
        except EdgekitError as exc:
            return f"error {printable(str(exc))}"
        return f"ok {taken.trigger_id} known" if taken.repeated else f"ok {taken.trigger_id}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET

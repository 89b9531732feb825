"""The page's HTTP server: few connections, each with a deadline, so that nobody outside can hold the box up.

The standard library's server is enough for a handful of people who look at one box, and adds nothing to be kept.
"""

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from devices.errors import EdgekitError
from edge.web.connection import WAIT_S, Connection
from edge.web.exchange import Request, Response, Stream
from edge.web.section import Web, WebTls

_log = logging.getLogger(__name__)

MOST_BODY_BYTES = 256 * 1024  # of a request that brings no picture
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 2\r\n\r\n"

Answer = Callable[[Request], Response | Stream]
Heed = Callable[[Request], "int | Response"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server lets anybody have of it.

    Attributes:
        connections: Open at the same time; one more is turned away.
        body_bytes: Of one request.
        streams: Of those connections that may be streams: who watches must leave room for who asks how the box does.
        large_bodies: Larger ones, which `heed` allowed, that are held at the same time: a size alone bounds no memory.
        request_s: Within which a request has to be here, whole, counted from the end of the one before it.
        answer_s: Within which an answer has to be gone; streams have no end, only each of their pieces.
    """

    connections: int = 32
    streams: int = 16
    body_bytes: int = MOST_BODY_BYTES
    large_bodies: int = 4
    request_s: float = 10.0
    answer_s: float = 30.0


class Server(ThreadingHTTPServer):
    """Serves answers from `start` to `stop`.

    Args:
        settings: Where to listen.
        answer: Called in a connection's own thread.
        limits: Of what it gives to whom it does not know.
        heed: Called with a request before its body is read; returns how many bytes of one are taken, or why none is.
            The limit of all requests where it is None.

    Raises:
        EdgekitError: The address cannot be had, or a file of TLS cannot be used.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, settings: Web, answer: Answer, limits: Limits | None = None, heed: Heed | None = None) -> None:
        self.answer = answer
        self.limits = limits or Limits()
        self.heed: Heed = heed or (lambda _request: self.limits.body_bytes)
        self.stopping = threading.Event()
        self._slots = threading.BoundedSemaphore(self.limits.connections)
        self._streams = threading.BoundedSemaphore(self.limits.streams)
        self._open_lock = threading.Lock()
        self._held = 0
        self._due_s: dict[socket.socket, float | None] = {}
        self._tls = _tls_context(settings.tls) if settings.tls is not None else None
        self._thread = threading.Thread(target=self.serve_forever, args=(0.2,), name="web", daemon=True)
        if ":" in settings.host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((settings.host, settings.port), Connection)
        except (OSError, UnicodeError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise EdgekitError(
                f"the page cannot listen at {settings.host}:{settings.port} ({reason}): check host and port in [web]"
            ) from exc

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        with self._open_lock:
            return len(self._due_s)

    @property
    def large_bodies(self) -> int:
        """Large bodies that are held now."""
        with self._open_lock:
            return self._held

    def start(self) -> None:
        """Begin to serve, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End all connections and let go of the address."""
        self.stopping.set()
        if self._thread.ident is not None:
            self.shutdown()
        with self._open_lock:
            opened = list(self._due_s)
        for connection in opened:
            _cut(connection)
        self.server_close()

    def server_bind(self) -> None:
        """Take the address; the base class would ask the name service for the host's full name first."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def allow(self, connection: socket.socket, seconds: float | None) -> None:
        """Give a connection so long for what it does next, None for no end."""
        due_s = None if seconds is None else time.monotonic() + seconds
        with self._open_lock:
            if connection in self._due_s:
                self._due_s[connection] = due_s

    @contextlib.contextmanager
    def room(self, body_bytes: int) -> Generator[bool]:
        """Hold room for a body while it is read and answered; gives whether there is any."""
        is_large = body_bytes > self.limits.body_bytes
        with self._open_lock:
            has_room = not is_large or self._held < self.limits.large_bodies
            self._held += is_large and has_room
        try:
            yield has_room
        finally:
            with self._open_lock:
                self._held -= is_large and has_room

    @contextlib.contextmanager
    def stream(self) -> Generator[bool]:
        """Hold room for a stream while it lasts; gives whether there is any."""
        has_room = self._streams.acquire(blocking=False)
        try:
            yield has_room
        finally:
            if has_room:
                self._streams.release()

    def service_actions(self) -> None:
        """Cut off connections that are over their time; called by the serving loop five times a second."""
        now_s = time.monotonic()
        with self._open_lock:
            late = [connection for connection, due_s in self._due_s.items() if due_s is not None and due_s < now_s]
        for connection in late:
            _cut(connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; its handshake is left to its own thread."""
        connection, address = self.socket.accept()
        connection.settimeout(WAIT_S)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, or turn it away where there are too many."""
        if not self._slots.acquire(blocking=False):
            with contextlib.suppress(OSError):
                request.settimeout(0.2)
                if self._tls is None:
                    request.sendall(_BUSY)
            self.shutdown_request(request)
            return
        with self._open_lock:
            self._due_s[request] = time.monotonic() + self.limits.request_s
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                self._due_s.pop(request, None)
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong with a connection; one that the other side ended is nothing."""
        del request, client_address
        _log.debug("a connection to the page ended", exc_info=True)


def _tls_context(settings: WebTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate_file, settings.key_file)
        if settings.client_ca_file is not None:
            context.load_verify_locations(settings.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as exc:
        raise EdgekitError(f"the page's certificate or key cannot be used ({exc}): check [web.tls]") from exc
    return context


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        connection.shutdown(socket.SHUT_RDWR)

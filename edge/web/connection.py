"""One connection to the page: bytes to requests, answers to bytes, within the time and size that the server allows."""

import logging
import ssl
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from edge.web.exchange import Request, Response, Stream

if TYPE_CHECKING:
    from edge.web.server import Server

_log = logging.getLogger(__name__)

WAIT_S = 10.0  # for one read or write
_MOST_LET_GO = 16 << 20  # bytes of a refused body
_MOST_DIGITS = 12  # of a Content-Length; longer ones cost time to read
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LATER = replace(Response.error(503, "other pictures come first: try again in a second"), headers={"Retry-After": "1"})
_WATCHED = replace(Response.error(503, "as many watch as may: try again later"), headers={"Retry-After": "5"})


class Connection(BaseHTTPRequestHandler):
    """One connection: requests to answers. Its methods are called by the server and the base class."""

    protocol_version = "HTTP/1.1"
    server_version = "edgekit"
    sys_version = ""
    timeout = WAIT_S
    server: "Server"  # pyright: ignore[reportIncompatibleVariableOverride] - the one that made it

    def handle(self) -> None:
        """Serve requests until the other side leaves, or is cut off."""
        if isinstance(self.connection, ssl.SSLSocket):
            try:
                self.connection.do_handshake()
            except (OSError, ValueError) as exc:
                _log.debug("a browser was not let in: %s", exc)
                return
        try:
            super().handle()
        except OSError as exc:  # the other side left, or was cut off
            _log.debug("a connection to the page ended: %s", exc)

    def handle_one_request(self) -> None:
        """Take the next request, within its time."""
        self.server.allow(self.connection, self.server.limits.request_s)
        super().handle_one_request()

    def do_GET(self) -> None:
        """Answer a GET."""
        self._exchange()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._exchange()

    def do_PUT(self) -> None:
        """Answer a PUT."""
        self._exchange()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class refuses, without quoting it."""
        del explain
        self.close_connection = True
        self._send(Response.error(code, message or "bad request"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Log what the base class has to say, for who looks for a fault."""
        _log.debug(format, *args)

    def _exchange(self) -> None:
        path, _, query = self.path.partition("?")
        head = Request(
            method=self.command,
            path=path,
            query=dict(reversed(parse_qsl(query))),
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        size = self._size(head)
        if size is None:
            return
        with self.server.room(size) as there_is:
            if there_is:
                self._serve(head, size)
            else:
                self._refuse(_LATER, size)

    def _serve(self, head: Request, size: int) -> None:
        """Read the body of a request and answer it."""
        body = self.rfile.read(size)
        if len(body) < size:
            self.close_connection = True
            return
        self.server.allow(self.connection, self.server.limits.answer_s)
        try:
            answer = self.server.answer(replace(head, body=body))
        except Exception:  # noqa: BLE001 - the top of a thread: the page fails, the box goes on
            _log.exception("the page failed at %s %s", head.method, head.path)
            answer = Response.error(500, "the page failed; the box's log says why")
        if not isinstance(answer, Stream):
            self._send(answer)
            return
        with self.server.stream() as there_is:
            if there_is:
                self._stream(answer)
            else:
                self.close_connection = True  # its place is for others
                self._send(_WATCHED)

    def _size(self, head: Request) -> int | None:
        """Return how many bytes a request brings; None where it was refused."""
        if "Transfer-Encoding" in self.headers:
            self.send_error(411, "say how long the body is")
            return None
        told = self.headers.get_all("Content-Length", ["0"])
        if len(told) > 1 or not (told[0].isascii() and told[0].isdigit() and len(told[0]) <= _MOST_DIGITS):
            self.send_error(400, "Content-Length is not one number")  # of two, a proxy may have believed the other
            return None
        most, size = self.server.heed(head), int(told[0])
        if isinstance(most, int) and size > most:
            most = Response.error(413, f"more than {most} bytes")
        if isinstance(most, Response):
            self._refuse(most, size)
            return None
        return size

    def _refuse(self, why: Response, size: int) -> None:
        """Answer a request whose body is not wanted."""
        self.close_connection = True
        self._send(why)
        self._let_go(size)

    def _let_go(self, size: int) -> None:
        """Read on for a while what nobody wants: a client that still sends would not hear why it was refused."""
        left = min(size, _MOST_LET_GO)
        while left > 0 and (piece := self.rfile.read1(min(left, 65536))):
            left -= len(piece)

    def _send(self, answer: Response) -> None:
        self._head(answer.status, answer.content_type, answer.headers)
        if answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def _stream(self, answer: Stream) -> None:
        """Send pieces until nobody wants more; each write has its own time-out."""
        self.close_connection = True
        self.server.allow(self.connection, None)
        self._head(200, answer.content_type, {"Connection": "close"})
        self.end_headers()
        for piece in answer.pieces:
            if self.server.stopping.is_set():
                return
            if piece:
                self.wfile.write(piece)

    def _head(self, status: int, content_type: str, headers: Any) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": content_type, **headers}.items():
            self.send_header(name, value)

"""The server holds out against slow, many and rude clients, and lets in by certificate."""

import contextlib
import http.client
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.errors import EdgekitError
from edge.web.exchange import Request, Response, Stream
from edge.web.section import Web, WebTls
from edge.web.server import Limits, Server

HOST = "127.0.0.1"
OK = Response(200, b"well")
Serve = Callable[..., int]


@pytest.fixture
def serve(free_port: int) -> Iterator[Serve]:
    """Start a server that answers each request with its path; it is stopped at the end."""
    with contextlib.ExitStack() as running:

        def start(limits: Limits | None = None, tls: WebTls | None = None, answer: Any = None) -> int:
            server = Server(
                Web(port=free_port, tls=tls), answer or (lambda request: Response(200, request.path.encode())), limits
            )
            running.callback(server.stop)
            server.start()
            return free_port

        yield start


def ask(port: int, path: str = "/hello", context: ssl.SSLContext | None = None) -> bytes:
    connection = http.client.HTTPSConnection(HOST, port, timeout=10, context=context) if context else None
    connection = connection or http.client.HTTPConnection(HOST, port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read()


def test_who_sends_a_byte_now_and_then_is_cut_off_by_the_deadline_of_the_whole_request(serve: Serve):
    port = serve(Limits(request_s=1.0))
    with socket.create_connection((HOST, port), 10) as slow:
        began_s = time.monotonic()
        with contextlib.suppress(OSError):
            slow.sendall(b"GET / HTTP/1.1\r\n")
            while time.monotonic() - began_s < 20:
                slow.sendall(b"X")
                time.sleep(0.1)
        assert time.monotonic() - began_s < 10
    assert ask(port) == b"/hello"


def test_a_body_that_comes_too_slowly_is_not_waited_for(serve: Serve):
    port = serve(Limits(request_s=1.0))
    with socket.create_connection((HOST, port), 10) as slow:
        slow.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 100\r\n\r\nxx")
        assert slow.recv(1) == b""


@pytest.mark.parametrize("told", [b"1001", b"0" * 12 + b"1001", b"9" * 5000])
def test_a_body_larger_than_allowed_is_refused_before_it_is_read(serve: Serve, told: bytes):
    port = serve(Limits(body_bytes=1000))
    with socket.create_connection((HOST, port), 10) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nContent-Length: " + told + b"\r\n\r\n")
        assert client.recv(4096).split()[1] in (b"400", b"413")
    assert ask(port) == b"/hello"


def test_a_request_with_two_lengths_is_refused(serve: Serve):
    port = serve()
    with socket.create_connection((HOST, port), 10) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nGET /")
        assert client.recv(12) == b"HTTP/1.1 400"
        assert b"HTTP/1.1" not in client.makefile("rb").read()


def test_only_so_many_large_bodies_are_held_at_the_same_time(free_port: int, eventually: Any):
    limits = Limits(body_bytes=100, large_bodies=2)
    server = Server(Web(port=free_port), lambda _request: Response(200), limits, lambda _request: 1_000)
    server.start()
    with contextlib.closing(contextlib.ExitStack()) as opened:
        opened.callback(server.stop)
        head = b"PUT / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"
        clients = [opened.enter_context(socket.create_connection((HOST, free_port), 10)) for _ in range(4)]
        for client in clients[:2]:
            client.sendall(head + bytes(999))
        eventually(lambda: server.large_bodies == 2)
        clients[2].sendall(head + bytes(1_000))
        refused = clients[2].recv(4096)
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1" in refused
        clients[3].sendall(b"PUT / HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + bytes(100))
        assert clients[3].recv(12) == b"HTTP/1.1 200"
        for client in clients[:2]:
            client.sendall(bytes(1))
            assert client.recv(12) == b"HTTP/1.1 200"
        eventually(lambda: server.large_bodies == 0)


def test_an_idle_connection_is_let_go(serve: Serve):
    port = serve(Limits(request_s=1.0))
    with socket.create_connection((HOST, port), 10) as idle:
        assert idle.recv(1) == b""


def test_one_connection_too_many_is_turned_away_and_there_is_room_again_afterwards(serve: Serve, eventually: Any):
    port = serve(Limits(connections=3))
    with contextlib.ExitStack() as opened:
        for _ in range(3):
            held = opened.enter_context(socket.create_connection((HOST, port), 10))
            held.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
            assert held.recv(12) == b"HTTP/1.1 200"
        with socket.create_connection((HOST, port), 10) as fourth:
            assert fourth.recv(12) == b"HTTP/1.1 503"

    def answered() -> bool:
        return ask(port) == b"/hello"

    eventually(answered)


@pytest.mark.parametrize(
    "rude",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 70_000,
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"H%d: x\r\n" % n for n in range(200)) + b"\r\n",
    ],
)
def test_rubbish_is_answered_or_dropped_and_the_server_goes_on(serve: Serve, rude: bytes):
    port = serve(Limits(request_s=2.0))
    with socket.create_connection((HOST, port), 10) as client, contextlib.suppress(OSError):
        client.sendall(rude)
        answer = client.recv(4096)
        assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert ask(port) == b"/hello"


def test_an_answer_that_fails_is_told_without_its_inside(serve: Serve):
    def fail(_request: Request) -> Response:
        raise ValueError("a secret of the inside")

    assert b"secret" not in ask(serve(answer=fail))


def test_a_stream_ends_as_the_server_stops(free_port: int, eventually: Any):
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"piece\n"
                time.sleep(0.05)
        finally:
            closed.set()

    server = Server(Web(port=free_port), lambda _request: Stream(pieces(), "text/plain"))
    server.start()
    with socket.create_connection((HOST, free_port), 10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: b"piece" in client.recv(4096))
        server.stop()
        eventually(closed.is_set)


def test_who_watches_leaves_room_for_who_asks(serve: Serve, eventually: Any):
    def answer(request: Request) -> Response | Stream:
        return Stream(iter(lambda: time.sleep(0.05) or b"piece\n", None), "text/plain") if request.path == "/s" else OK

    port = serve(Limits(connections=4, streams=2), answer=answer)
    watching = b"GET /s HTTP/1.1\r\nHost: x\r\n\r\n"
    with contextlib.ExitStack() as opened:
        for _ in range(2):
            watcher = opened.enter_context(socket.create_connection((HOST, port), 10))
            watcher.sendall(watching)
            assert watcher.recv(12) == b"HTTP/1.1 200"
        for _ in range(5):  # one after the other, and none of them keeps a place
            third = opened.enter_context(socket.create_connection((HOST, port), 10))
            third.sendall(watching)
            refused = third.makefile("rb").read()  # to the end of the connection
            assert refused.startswith(b"HTTP/1.1 503")
            assert b"Retry-After: 5" in refused
        assert ask(port) == OK.body

    def watches_again() -> bool:
        with socket.create_connection((HOST, port), 10) as client:
            client.sendall(watching)
            return client.recv(12) == b"HTTP/1.1 200"

    eventually(watches_again)


def test_an_address_that_is_taken_is_one_clear_error(serve: Serve):
    port = serve()
    with pytest.raises(EdgekitError, match=f"cannot listen at 127.0.0.1:{port}"):
        Server(Web(port=port), lambda _request: Response(200))


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Make an authority, a certificate of the page and one of a user, by openssl."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    for name in ("page", "user"):
        (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.pem", "-days", "2", "-extfile", "names")  # fmt: skip
    return tmp_path


def test_with_mutual_tls_only_a_certificate_of_the_right_authority_lets_in(serve: Serve, certificates: Path):
    files = {"certificate_file": certificates / "page.pem", "key_file": certificates / "page.key"}
    port = serve(tls=WebTls.model_validate({**files, "client_ca_file": certificates / "ca.pem"}))
    trusting = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        ask(port, context=trusting)
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        ask(port)
    trusting.load_cert_chain(certificates / "user.pem", certificates / "user.key")
    assert ask(port, context=trusting) == b"/hello"


def test_a_silent_client_of_tls_holds_up_nobody(serve: Serve, certificates: Path):
    port = serve(
        Limits(request_s=1.0),
        WebTls(certificate_file=certificates / "page.pem", key_file=certificates / "page.key"),
    )
    with socket.create_connection((HOST, port), 10) as silent:
        trusting = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        assert ask(port, context=trusting) == b"/hello"
        assert silent.recv(1) == b""


def test_a_certificate_that_cannot_be_used_is_one_clear_error(tmp_path: Path, free_port: int):
    (tmp_path / "c").write_text("no certificate")
    tls = WebTls(certificate_file=tmp_path / "c", key_file=tmp_path / "c")
    with pytest.raises(EdgekitError, match=r"\[web.tls\]"):
        Server(Web(port=free_port, tls=tls), lambda _request: Response(200))

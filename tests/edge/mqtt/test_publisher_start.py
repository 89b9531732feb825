"""Starts that fail: each is one clear error."""

import logging
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devices.errors import EdgekitError
from edge.mqtt.section import Mqtt

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto
    from tests.edge.mqtt.conftest import MakeOutbox, MakePublisher

    MakeMosquitto = Callable[..., Mosquitto]


def _with_password(make_mosquitto: "MakeMosquitto", folder: Path) -> "Mosquitto":
    users = folder / "users"
    users.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(users), "box", "right horse"], check=True, capture_output=True)
    return make_mosquitto("allow_anonymous false", f"password_file {users}")


def test_a_missing_broker_is_one_clear_error(
    make_outbox: "MakeOutbox", make_publisher: "MakePublisher", free_port: int
) -> None:
    publisher = make_publisher(make_outbox(), Mqtt(port=free_port))
    with pytest.raises(
        EdgekitError,
        match=rf"no broker can be reached at 127\.0\.0\.1:{free_port} \(Connection refused\): start it, or check",
    ):
        publisher.start()


def test_an_unknown_host_is_named(make_outbox: "MakeOutbox", make_publisher: "MakePublisher") -> None:
    publisher = make_publisher(make_outbox(), Mqtt(host="broker.invalid"))
    with pytest.raises(EdgekitError, match=r"there is no host named 'broker\.invalid': check host in \[mqtt\]"):
        publisher.start()


def test_a_refusing_broker_is_one_clear_error_and_no_password_is_told(
    make_mosquitto: "MakeMosquitto",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = _with_password(make_mosquitto, tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("wrong horse\n")
    publisher = make_publisher(make_outbox(), Mqtt(port=broker.port, username="box", password_file=secret))
    with pytest.raises(EdgekitError) as refusal:
        publisher.start()
    assert str(refusal.value) == (
        f"the broker at 127.0.0.1:{broker.port} refused the connection (Not authorized 0x87): "
        "check user and password in [mqtt]"
    )
    assert "horse" not in caplog.text


def test_the_right_password_opens_the_broker(
    make_mosquitto: "MakeMosquitto", make_outbox: "MakeOutbox", make_publisher: "MakePublisher", tmp_path: Path
) -> None:
    broker = _with_password(make_mosquitto, tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("right horse\n")
    publisher = make_publisher(make_outbox(), Mqtt(port=broker.port, username="box", password_file=secret))
    publisher.start()
    assert publisher.connected


def test_a_missing_password_file_is_named_even_where_the_broker_is_waited_for(
    make_outbox: "MakeOutbox", make_publisher: "MakePublisher", tmp_path: Path
) -> None:
    settings = Mqtt(username="box", password_file=tmp_path / "nowhere", at_start="wait")
    with pytest.raises(EdgekitError, match=r"cannot read the file .*nowhere.*check password_file"):
        make_publisher(make_outbox(), settings).start()


@pytest.mark.parametrize(("answer", "told"), [(None, "gave no answer within 0.3 s"), (b"", "speaks MQTT 5")])
def test_what_listens_but_is_no_broker_is_told(
    make_outbox: "MakeOutbox", make_publisher: "MakePublisher", answer: bytes | None, told: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            connection = server.accept()[0]
            connection.recv(1)
            if answer is None:
                held.append(connection)
            else:
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        port = int(server.getsockname()[1])
        publisher = make_publisher(make_outbox(), Mqtt(port=port, connect_timeout_s=0.3))
        try:
            with pytest.raises(EdgekitError, match=told):
                publisher.start()
        finally:
            thread.join()
            for connection in held:
                connection.close()

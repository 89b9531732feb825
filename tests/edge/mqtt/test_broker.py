import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.mqtt.broker import EmbeddedBroker

if TYPE_CHECKING:
    from tests.edge.conftest import Subscriber


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def test_it_carries_mqtt_5_messages_and_ends_with_its_context(
    subscribe: "Callable[..., Subscriber]", eventually: "Callable[..., None]"
) -> None:
    with EmbeddedBroker() as broker:
        subscriber = subscribe(broker.port, "a/#")
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.connect(broker.host, broker.port)
        client.loop_start()
        client.publish("a/b", b"x" * 100_000, qos=1).wait_for_publish(5)
        client.disconnect()
        client.loop_stop()
        eventually(lambda: subscriber.received)
        assert [message.payload for message in subscriber.received] == [b"x" * 100_000]
        subscriber.close()
    assert not _answers(broker.port)


def test_two_brokers_run_side_by_side() -> None:
    with EmbeddedBroker() as first, EmbeddedBroker() as second:
        assert first.port != second.port
        assert _answers(first.port)
        assert _answers(second.port)


def test_it_ends_when_its_process_is_killed_and_listens_on_loopback_only(eventually: "Callable[..., None]") -> None:
    text = (
        "from edge.mqtt.broker import EmbeddedBroker\n"
        "with EmbeddedBroker() as broker:\n"
        "    print(broker.port, flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            assert _answers(port)
            assert _listening_addresses(port) == {"0100007F"}
        finally:
            os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: not _answers(port))


def _listening_addresses(port: int) -> set[str]:
    """Return the local addresses (hexadecimal, as the kernel tells them) that listen on a TCP port."""
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text().splitlines()[1:]
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}

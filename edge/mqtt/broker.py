"""A broker inside the kit, for the demo and the bench, which must not need anything installed beside them."""

import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Literal, final

import iotcore

from devices.errors import EdgekitError

_HOST = "127.0.0.1"
_ATTEMPTS = 5
_SECTIONS = {"5": "v5", "3.1.1": "v4"}

# Sizes in bytes. The router keeps its segments in memory; a demo's day fits in a few.
_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 64
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 10

[{section}.1]
name = "edgekit"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[{section}.1.connections]
connection_timeout_ms = 5000
max_payload_size = 1048576
max_inflight_count = 200
dynamic_filters = true
"""


@final
class EmbeddedBroker:
    """A broker in a child process on a free loopback port, as a context manager.

    It keeps nothing on disk, and the child ends with this process however that ends: it watches a pipe whose other end
    only this process holds.

    Args:
        protocol: The one version of MQTT that it speaks.
    """

    def __init__(self, protocol: Literal["5", "3.1.1"] = "5") -> None:
        self._section = _SECTIONS[protocol]
        self.host = _HOST
        self.port = 0
        self._broker: iotcore.Broker | None = None

    def __enter__(self) -> "EmbeddedBroker":
        """Start the broker and wait until it listens.

        Raises:
            EdgekitError: It does not start.
        """
        failure: Exception | None = None
        # The broker reads its configuration as it starts; removed then, nothing is left by a process that is killed.
        with tempfile.TemporaryDirectory(prefix="edgekit-broker-") as folder:
            config = Path(folder) / "broker.toml"
            for _ in range(_ATTEMPTS):  # another program may take the free port before the broker does
                self.port = _free_port()
                content = _CONFIG.format(section=self._section, host=_HOST, port=self.port)
                config.write_text(content, encoding="utf-8")
                try:
                    self._broker = iotcore.Broker(port=self.port, listen=_HOST, config_path=str(config)).start()
                except (OSError, RuntimeError, ValueError) as exc:
                    failure = exc
                else:
                    return self
        raise EdgekitError(f"the embedded broker does not start ({failure}); name a broker of your own in [mqtt]")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the broker."""
        if self._broker is not None:
            self._broker.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])

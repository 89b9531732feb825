"""The demonstration's subscriber: what it shows and scores came over the broker, not from inside the box."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from pydantic import ValidationError

from devices.errors import EdgekitError
from edge.mqtt.messages import EventMessage

_CONNECT_S = 5.0


@final
class Listener:
    """Subscribes to the events of one camera, as a context manager.

    Args:
        host: Of the broker.
        port: Of the broker.
        topic: Of the events.
        on_event: Called for each event, in the client's own thread.
    """

    def __init__(self, host: str, port: int, topic: str, on_event: Callable[[EventMessage], None]) -> None:
        self._host = host
        self._port = port
        self._topic = topic
        self._on_event = on_event
        self._subscribed = threading.Event()
        self.failure: str | None = None
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._is_subscribed
        self._client.on_message = self._message

    def __enter__(self) -> "Listener":
        """Connect and subscribe.

        Raises:
            EdgekitError: The broker does not answer in time.
        """
        try:
            self._client.connect(self._host, self._port)
        except OSError as exc:
            raise EdgekitError(f"the broker at {self._host}:{self._port} does not answer: {exc}") from exc
        self._client.loop_start()
        if not self._subscribed.wait(_CONNECT_S):
            self._client.loop_stop()
            raise EdgekitError(f"the broker at {self._host}:{self._port} accepts no subscription")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: mqtt.Client, *_details: Any) -> None:
        client.subscribe(self._topic, qos=1)

    def _is_subscribed(self, *_details: Any) -> None:
        self._subscribed.set()

    def _message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            event = EventMessage.model_validate_json(message.payload)
        except ValidationError as exc:
            self.failure = f"an event that breaks its own schema came over the broker: {exc}"
            return
        self._on_event(event)

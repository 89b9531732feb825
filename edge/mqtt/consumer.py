"""The reference consumer: stores each event with its effect in one transaction, then acknowledges it to the box.

Import it, or read it to write another one. What makes it right is little: an event is known by (camera, epoch, seq);
its effect and that it was seen are stored together; acknowledged is the unbroken run of seqs that is stored.
"""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from queue import Empty, Queue
from typing import Any, final

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import ValidationError

from devices.errors import EdgekitError
from edge.mqtt.inbox import Inbox
from edge.mqtt.messages import AcknowledgementMessage, EventMessage, StatusMessage
from edge.mqtt.paho import new_client, reason_text
from edge.mqtt.section import Mqtt
from edge.mqtt.tls import not_trusted
from edge.mqtt.topics import Topics

_log = logging.getLogger(__name__)

_BATCH = 200  # events that share one commit
_WAIT_S = 0.2


@final
class Consumer:
    """Consumes the events of one box under a name that its box.toml lists among the consumers.

    Args:
        settings: The broker.
        topics: Of the box.
        name: The consumer's.
        inbox: Where events and their effects are stored.
        on_event: Called after an event was stored, and not again for the same event.
    """

    def __init__(
        self,
        settings: Mqtt,
        topics: Topics,
        name: str,
        inbox: Inbox,
        on_event: Callable[[EventMessage], None] | None = None,
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._name = name
        self._inbox = inbox
        self._on_event = on_event
        self._received: Queue[EventMessage | StatusMessage] = Queue()
        self._answer: Queue[str | None] = Queue()
        self._acknowledged: dict[tuple[str, str], int] = {}
        self.invalid = 0
        # One consumer may serve several boxes at one broker; the same name twice at one box takes over.
        client_id = f"edgekit.{topics.site}.{topics.box}.consumer.{name}"
        self._client = new_client(settings, client_id, comes_back=True)
        self._client.reconnect_delay_set(1, 8)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def run(self, stop: threading.Event, seconds: float | None = None) -> None:
        """Consume until `stop` is set, or so many seconds are over.

        Raises:
            EdgekitError: The broker cannot be reached at first, it refuses, or the store cannot be written. After the
                first connection a lost one is made anew.
        """
        end_s = None if seconds is None else time.monotonic() + seconds
        self._connect()
        try:
            while not stop.is_set() and (end_s is None or time.monotonic() < end_s):
                self._step()
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _connect(self) -> None:
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            self._client.connect(self._settings.host, self._settings.port, self._settings.keepalive_s)
        except ssl.SSLError as exc:
            raise EdgekitError(not_trusted(where, exc)) from exc
        except OSError as exc:
            raise EdgekitError(f"no broker can be reached at {where} ({exc.strerror or exc}): start it first") from exc
        self._client.loop_start()
        try:
            refusal = self._answer.get(timeout=self._settings.connect_timeout_s)
        except Empty:
            refusal = "no answer"
        if refusal is not None:
            self._client.loop_stop()
            raise EdgekitError(f"the broker at {where} refused the consumer ({refusal}): check its user and password")

    def _step(self) -> None:
        """Store what has come, then acknowledge it: in this order, so that a crash between them repeats, not loses."""
        batch: list[EventMessage] = []
        try:
            message = self._received.get(timeout=_WAIT_S)
            while True:
                if isinstance(message, StatusMessage):
                    for camera, upto in self._inbox.begin(message).items():
                        self._acknowledge(camera, message.epoch, upto)
                else:
                    batch.append(message)
                if len(batch) >= _BATCH:
                    break
                message = self._received.get_nowait()
        except Empty:
            pass
        if not batch:
            return
        taken = self._inbox.take(batch)
        for (_, _, camera, epoch), upto in taken.upto.items():
            self._acknowledge(camera, epoch, upto)
        if self._on_event is not None:
            for event in taken.new:
                self._on_event(event)

    def _acknowledge(self, camera: str, epoch: str, upto: int) -> None:
        """Say how far this consumer has come, unless it said so over this connection."""
        if upto == 0 or self._acknowledged.get((camera, epoch)) == upto:
            return
        self._acknowledged[camera, epoch] = upto
        message = AcknowledgementMessage(epoch=epoch, upto=upto)
        topic = self._topics.acknowledgement(self._name, camera)
        self._client.publish(topic, message.to_json(), qos=1, retain=True)

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            self._answer.put(reason_text(reason))
            return
        self._acknowledged.clear()  # an acknowledgement may have been lost with the old connection
        for topic in (self._topics.status, self._topics.events("+")):
            client.subscribe(topic, qos=1)
        self._answer.put(None)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        model = StatusMessage if message.topic == self._topics.status else EventMessage
        try:
            received = model.model_validate_json(message.payload)
        except ValidationError as exc:
            self.invalid += 1
            _log.error("a message on %s breaks its schema and is left alone: %s", message.topic, exc)
            return
        if not (isinstance(received, EventMessage) and self._foreign(received, message)):
            self._received.put(received)

    def _foreign(self, event: EventMessage, message: mqtt.MQTTMessage) -> bool:
        """Whether an event stands on another camera's topic than its own, or was retained: nothing of a box does."""
        if message.topic == self._topics.events(event.camera) and not message.retain:
            return False
        self.invalid += 1
        _log.error("an event of camera %s on %s is none of the box's and is left alone", event.camera, message.topic)
        return True

"""One connection of the box to its broker; the only file of the publishing side that knows paho-mqtt.

A link is used once. paho would send its own unacknowledged messages again on a new connection, beside the outbox which
does the same; a fresh client for each connection leaves that to the outbox alone. For the same reason every session
starts clean: the outbox is the durable side, so the broker need not keep any state for the publisher.
"""

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.errors import EdgekitError
from edge.mqtt.clock import SYSTEM_CLOCK
from edge.mqtt.offers import Offers
from edge.mqtt.paho import new_client, no_larger_than, reason_text
from edge.mqtt.section import Mqtt
from edge.mqtt.sparing import Sparing
from edge.mqtt.tls import not_trusted
from edge.printable import printable

_log = logging.getLogger(__name__)

_RECEIVE_MAXIMUM = 65_535  # MQTT 5, 3.2.2.3.3: what holds where the broker does not say
_FAREWELL_S = 1.0
_MOST_PACKET_BYTES = 512 * 1024  # that comes in; the largest that anybody needs is a reply with its picture


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for the wire, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered a publish.

    Attributes:
        link: The connection on which it did.
        mid: The packet id that `Link.publish` returned.
        refusal: The reason where the broker did not take the message over, else None.
    """

    link: "Link"
    mid: int
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Closed:
    """A connection ended, for the reason given."""

    link: "Link"
    reason: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message came in.

    Attributes:
        link: The connection over which it did.
        topic: Its topic.
        payload: Its bytes.
        retained: Whether the broker had kept it, so that it may be old.
        response_topic: Where its sender wants an answer, None where it does not say.
        correlation: Bytes that an answer has to carry.
    """

    link: "Link"
    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None


Post = Callable[[Acknowledged | Closed | Received], object]


class Link:
    """One connection to the broker, from CONNECT to its end.

    Over MQTT 3.1.1 a publish cannot be refused by a word: the broker acknowledges it, or ends the connection.
    paho's network thread only posts what happened; it never waits for a lock of the caller.
    """

    def __init__(self, settings: Mqtt, client_id: str, will: Outgoing | None, post: Post) -> None:
        self._settings = settings
        self._post = post
        self._answer: Queue[str | None] = Queue()  # no SimpleQueue, for the reason that the publisher gives
        self._ended = threading.Event()
        self._too_large = Sparing(SYSTEM_CLOCK)
        self._granting = threading.Lock()
        self._granted: dict[int, Callable[[], None]] = {}
        self.receive_maximum = _RECEIVE_MAXIMUM
        self._client = new_client(settings, client_id, comes_back=False)
        self._offers = Offers(self._client)
        self._client.connect_timeout = settings.connect_timeout_s
        self._client.max_inflight_messages = 0  # the session keeps its own bound, which also heeds the broker's
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    @classmethod
    def open(cls, settings: Mqtt, client_id: str, will: Outgoing | None, post: Post) -> "Link":
        """Connect and wait for the broker's answer.

        Args:
            settings: Where the broker is and how to log in.
            client_id: The same for every connection of a box, so that the broker ends a half-dead earlier one (and
                publishes its will) before it accepts the new one, not after.
            will: What the broker publishes when the connection ends without a farewell; None for nothing.
            post: Called in paho's thread with all that happens after the answer.

        Raises:
            EdgekitError: The broker cannot be reached, refuses, or does not answer in time.
        """
        link = cls(settings, client_id, will, post)
        where = f"{settings.host}:{settings.port}"
        try:
            asked = no_larger_than(settings, _MOST_PACKET_BYTES)
            link._client.connect(settings.host, settings.port, settings.keepalive_s, properties=asked)
        except socket.gaierror as exc:
            raise EdgekitError(f"there is no host named {settings.host!r}: check host in [mqtt]") from exc
        except ssl.SSLError as exc:
            raise EdgekitError(not_trusted(where, exc)) from exc
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise EdgekitError(
                f"no broker can be reached at {where} ({reason}): start it, or check host and port in [mqtt]"
            ) from exc
        link._client.loop_start()
        try:
            refusal = link._answer.get(timeout=settings.connect_timeout_s)
        except Empty:
            refusal = (
                f"the broker at {where} gave no answer within {settings.connect_timeout_s:g} s: is it overloaded, "
            )
            refusal += "or does something else listen at that port?"
        if refusal is not None:
            link.abort()
            raise EdgekitError(refusal)
        return link

    def publish(self, message: Outgoing) -> int:
        """Send a message and return its packet id. `Acknowledged` follows, or `Closed`."""
        properties = None
        if message.correlation is not None:
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = message.correlation
        return self._client.publish(
            message.topic, message.payload, qos=1, retain=message.retain, properties=properties
        ).mid

    def offer(self, topic: str, payload: bytes) -> bool:
        """Send a message at QoS 0, unless too much waits on the line already; may be called from any thread.

        Returns:
            Whether it was sent.
        """
        return self._offers.make(topic, payload)

    def subscribe(self, topic_filter: str, granted: Callable[[], None] | None = None) -> None:
        """Ask for messages; each comes as `Received`.

        Args:
            topic_filter: Which.
            granted: Called in paho's thread when the broker has granted it.
        """
        with self._granting:  # the answer may be faster than this line
            _, mid = self._client.subscribe(topic_filter, qos=1)
            if granted is not None and mid is not None:
                self._granted[mid] = granted

    def close(self) -> None:
        """Say farewell, so that the broker drops the will, and end the connection."""
        self._client.disconnect()
        self._ended.wait(_FAREWELL_S)
        self.abort()

    def abort(self) -> None:
        """End the connection without farewell, also one that no longer moves."""
        opened = self._client.socket()
        if isinstance(opened, socket.socket):
            with contextlib.suppress(OSError):  # the other side was faster
                opened.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def _on_connect(
        self,
        _client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if not reason.is_failure:
            self.receive_maximum = int(getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM))
            self._answer.put(None)
            return
        where, told = f"{self._settings.host}:{self._settings.port}", reason_text(reason, properties)
        self._answer.put(f"the broker at {where} refused the connection ({told}): {self._remedy(reason)}")

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._ended.set()
        told = reason_text(reason, properties) if flags.is_disconnect_packet_from_server else "connection lost"
        where = f"{self._settings.host}:{self._settings.port}"
        remedy = f"is it a broker that speaks MQTT {self._settings.protocol}? see protocol in [mqtt]"
        if self._settings.tls is not None and not self._settings.tls.is_mutual:
            remedy = "does it ask for the box's own certificate? name certificate_file and key_file in [mqtt.tls]"
        self._answer.put(f"what listens at {where} ended the connection ({told}): {remedy}")
        self._post(Closed(self, told))

    def _on_publish(
        self, _client: Client, _userdata: object, mid: int, reason: ReasonCode, properties: Properties
    ) -> None:
        self._post(Acknowledged(self, mid, reason_text(reason, properties) if reason.is_failure else None))

    def _on_subscribe(
        self, _client: Client, _userdata: object, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        with self._granting:
            granted = self._granted.pop(mid, None)
        if granted is not None and not any(reason.is_failure for reason in reasons):
            granted()
        for reason in reasons:
            if reason.is_failure:
                _log.error(
                    "the broker refused a subscription to acknowledgements, commands or the box's own shelves (%s): "
                    "check its access rules",
                    reason_text(reason, properties),
                )

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        size = len(message.payload)
        if size > _MOST_PACKET_BYTES:  # over 3.1.1 the broker could not be asked to keep it back
            passed_over = self._too_large.more()
            if passed_over:
                told = printable(message.topic)
                _log.warning("%d bytes on %s are too many: passed over, as %d such by now", size, told, passed_over)
            return
        asked = message.properties
        self._post(
            Received(
                self,
                message.topic,
                bytes(message.payload),
                message.retain,
                getattr(asked, "ResponseTopic", None),
                getattr(asked, "CorrelationData", None),
            )
        )

    def _remedy(self, reason: ReasonCode) -> str:
        match str(reason):
            case "Not authorized" | "Bad user name or password":
                return "check user and password in [mqtt]"
            case "Unsupported protocol version":
                return f"it must speak MQTT {self._settings.protocol}; see protocol in [mqtt]"
            case "Client identifier not valid":
                return "let it accept client ids of the form edgekit.<site>.<box>"
            case "Banned":
                return "lift the ban at the broker"
            case _:
                return "see the broker's log"

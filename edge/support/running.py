"""What a running box says of itself at this moment: its retained statuses at the broker, and its metrics."""

import http.client
import json
import os
import ssl
from collections.abc import Mapping
from queue import Empty, Queue

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.mqtt.link import Acknowledged, Closed, Link, Received
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics
from edge.web.access import read_token
from edge.web.section import Web

_QUIET_S = 1.0  # retained messages come at once after a subscription; whoever is silent for so long has told them all
_MOST_MESSAGES = 1000
_MOST_METRICS_BYTES = 4_000_000
_HTTP_S = 5.0


def retained(config: BoxConfig) -> Mapping[str, object]:
    """Return the box's retained messages by topic, as the broker has them.

    Raises:
        EdgekitError: The broker cannot be reached or refuses.
    """
    topics = Topics(config.box.site, config.box.name)
    said: Queue[Received] = Queue()

    def post(signal: Acknowledged | Closed | Received) -> None:
        if isinstance(signal, Received) and signal.retained:
            said.put(signal)

    told: dict[str, object] = {}
    # Not the box's own client id: the broker would end the box's connection for it.
    link = Link.open(_as_guest(config.mqtt), f"{topics.site}.{topics.box}.support.{os.getpid()}", None, post)
    try:
        for topic in (topics.status, topics.camera_status("+"), topics.shelves):
            link.subscribe(topic)
        while len(told) < _MOST_MESSAGES:
            message = said.get(timeout=_QUIET_S)
            told[message.topic] = _content(message.payload)
    except Empty:
        pass
    finally:
        link.close()
    return told


def metrics(settings: Web | None) -> str:
    """Return what /metrics says now.

    Raises:
        EdgekitError: The box has no page, does not answer, or lets nobody in who has no certificate.
    """
    if settings is None:
        raise EdgekitError("the box has no [web] part, so no metrics")
    if settings.mutual_tls and not settings.open_metrics:
        raise EdgekitError("the page lets in by certificate alone: fetch /metrics with one")
    token = read_token(settings)
    headers = {"Authorization": f"Bearer {token.decode()}"} if token is not None else {}
    connection = _connection(settings)
    try:
        connection.request("GET", "/metrics", headers={**headers, "Host": "localhost"})
        answer = connection.getresponse()
        text = answer.read(_MOST_METRICS_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException) as exc:
        raise EdgekitError(f"the page does not answer ({exc}): does the box run?") from exc
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise EdgekitError(f"the page answered {answer.status} to /metrics")
    return text


def _as_guest(settings: Mqtt) -> Mqtt:
    return settings.model_copy(update={"connect_timeout_s": min(settings.connect_timeout_s, _HTTP_S)})


def _content(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload[:_MOST_MESSAGES].decode(errors="replace")


def _connection(settings: Web) -> http.client.HTTPConnection:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - where others listen
    if settings.tls is None:
        return http.client.HTTPConnection(host, settings.port, timeout=_HTTP_S)
    try:
        # It must be the box's own certificate, whatever name stands in it and whoever signed it.
        context = ssl.create_default_context(cafile=str(settings.tls.certificate_file))
    except OSError as exc:
        raise EdgekitError(f"the page's certificate cannot be read: {exc}") from exc
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return http.client.HTTPSConnection(host, settings.port, timeout=_HTTP_S, context=context)

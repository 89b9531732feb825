"""Tries a site's broker; a file of its own, so that a health gate loads neither engines nor decoders for it."""

import contextlib
import secrets
import threading
from collections.abc import Iterator
from queue import Empty, Queue

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.doctor.finding import Finding, failure, fine, warning
from edge.mqtt.link import Acknowledged, Closed, Link, Outgoing, Received
from edge.mqtt.topics import Topics

_ECHO_S = 5.0


def check_broker(config: BoxConfig) -> Iterator[Finding]:
    """Log in as a client of another id, and hear a message of one's own again."""
    topics = Topics(config.box.site, config.box.name)
    topic = topics.echo(secrets.token_hex(8))
    events: Queue[Acknowledged | Closed | Received] = Queue()
    granted = threading.Event()
    try:
        link = Link.open(config.mqtt, f"edgekit.doctor.{secrets.token_hex(4)}", None, events.put)
    except EdgekitError as exc:
        yield failure(
            "broker",
            str(exc),
            "events wait in the outbox, and are lost beyond its bounds",
            "as it says",
        )
        return
    try:
        link.subscribe(topic, granted.set)
        granted.wait(_ECHO_S)
        link.publish(Outgoing(topic, b"doctor"))
        heard, refusal = _until_heard(events)
    finally:
        link.close()
    where = f"{config.mqtt.host}:{config.mqtt.port}"
    if refusal is not None:
        yield failure(
            "broker",
            f"{where} takes no message of the box: {refusal}",
            "no event reaches anybody",
            f"allow user {config.mqtt.username or 'anonymous'} to write below {topics.root}/",
        )
    elif not heard:
        yield warning(
            "broker",
            f"{where} took a message and did not give it back",
            "commands and acknowledgements may not reach the box",
            f"allow user {config.mqtt.username or 'anonymous'} to read below {topics.root}/",
        )
    else:
        yield fine("broker", f"{where} takes messages and gives them back")


def _until_heard(events: "Queue[Acknowledged | Closed | Received]") -> tuple[bool, str | None]:
    """Return whether the message came back, and why the broker refused it where it did."""
    with contextlib.suppress(Empty):
        while True:
            match events.get(timeout=_ECHO_S):
                case Received():
                    return True, None
                case Acknowledged(refusal=str(refusal)):
                    return False, refusal
                case Closed(reason=reason):
                    return False, reason
                case _:
                    pass
    return False, None

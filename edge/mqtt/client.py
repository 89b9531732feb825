"""The asking side of a command: sends one and waits for its reply."""

import threading
import uuid
from queue import Empty, Queue

from pydantic import ValidationError

from devices.errors import EdgekitError
from edge.mqtt.command_messages import CommandMessage, CommandName, ReplyMessage
from edge.mqtt.link import Acknowledged, Closed, Link, Outgoing, Received
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics


def ask(settings: Mqtt, topics: Topics, name: CommandName, command: CommandMessage, timeout_s: float) -> ReplyMessage:
    """Send a command to a box and return its reply.

    Raises:
        EdgekitError: The broker cannot be reached or refuses, or no reply came in time.
    """
    replies: Queue[ReplyMessage] = Queue()
    refused: Queue[str] = Queue()
    subscribed = threading.Event()

    def post(signal: Acknowledged | Closed | Received) -> None:
        match signal:
            case Received(payload=payload):
                try:
                    reply = ReplyMessage.model_validate_json(payload)
                except ValidationError:
                    return  # somebody else's words in this topic
                if reply.id == command.id:
                    replies.put(reply)
            case Acknowledged(refusal=str(reason)):
                refused.put(reason)
            case _:
                pass

    client_id = f"edgekit.{topics.site}.{topics.box}.command.{uuid.uuid4().hex[:12]}"
    link = Link.open(settings, client_id, None, post)
    try:
        link.subscribe(topics.reply(name.value, command.client), subscribed.set)
        if not subscribed.wait(settings.connect_timeout_s):
            raise EdgekitError("the broker did not confirm the subscription to replies: check its access rules")
        link.publish(Outgoing(topics.command(name.value), command.to_json().encode()))
        return replies.get(timeout=timeout_s)
    except Empty:
        reason = f" (the broker refused it: {refused.get()})" if not refused.empty() else ""
        raise EdgekitError(
            f"no reply from box {topics.box} at site {topics.site} within {timeout_s:g} s{reason}: is it online, "
            "and does its box.toml have [commands]?"
        ) from None
    finally:
        link.close()

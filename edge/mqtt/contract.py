"""The contract as documents for who writes the other side: JSON Schema of each message, AsyncAPI of all topics."""

from dataclasses import dataclass
from typing import Any, Literal

from edge.mqtt.command_messages import CommandMessage, CommandName, ReplyMessage
from edge.mqtt.detection_messages import DetectionsMessage
from edge.mqtt.examples import Example, examples
from edge.mqtt.messages import AcknowledgementMessage, CameraStatusMessage, EventMessage, StatusMessage
from edge.mqtt.plc import PlcMessage
from edge.mqtt.shelf_messages import ShelfMessage
from edge.mqtt.topics import Topics
from edge.mqtt.wire import WireModel, json_schema

_TOPICS = Topics("{site}", "{box}")


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of topic.

    Attributes:
        topic: With its parameters in braces.
        message: What goes over it.
        by_box: Whether the box publishes there, else it subscribes.
        retained: Whether the broker keeps the newest message.
        qos: Quality of service.
    """

    topic: str
    message: type[WireModel]
    by_box: bool
    retained: bool
    qos: Literal[0, 1] = 1

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its message, as whoever publishes there has to write it."""
        return json_schema(self.message, as_read=not self.by_box)


CHANNELS: dict[str, Channel] = {
    "status": Channel(_TOPICS.status, StatusMessage, by_box=True, retained=True),
    "camera": Channel(_TOPICS.camera_status("{camera}"), CameraStatusMessage, by_box=True, retained=True),
    "shelf": Channel(_TOPICS.shelf("{camera}", "{zone}"), ShelfMessage, by_box=True, retained=True),
    "event": Channel(_TOPICS.events("{camera}"), EventMessage, by_box=True, retained=False),
    "plc": Channel(_TOPICS.plc("{camera}"), PlcMessage, by_box=True, retained=False),
    "detections": Channel(_TOPICS.detections("{camera}"), DetectionsMessage, by_box=True, retained=False, qos=0),
    "ack": Channel(
        _TOPICS.acknowledgement("{consumer}", "{camera}"), AcknowledgementMessage, by_box=False, retained=True
    ),
    "command": Channel(_TOPICS.command("{name}"), CommandMessage, by_box=False, retained=False),
    "reply": Channel(_TOPICS.reply("{name}", "{client}"), ReplyMessage, by_box=True, retained=False),
}
PARAMETERS = {
    "site": "where the box stands",
    "box": "the box's name",
    "camera": "the camera's name",
    "zone": "the name of a shelf zone of the camera",
    "consumer": "a name that consumers in [mqtt] lists",
    "name": "what is asked for: " + ", ".join(known.value for known in CommandName),
    "client": "a name that clients in [commands] lists; a command's response topic stands for the whole address",
}


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of the contract, from the box's point of view."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edgekit",
            "version": "1",
            "description": "Delivery is at least once; (camera, epoch, seq) tells an event apart from all others.",
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(channel, examples()[name]) for name, channel in CHANNELS.items()},
        "operations": {name: _operation(name, channel) for name, channel in CHANNELS.items()},
    }


def _channel(channel: Channel, example: Example) -> dict[str, Any]:
    name = channel.message.__name__
    used = {key: {"description": text} for key, text in PARAMETERS.items() if f"{{{key}}}" in channel.topic}
    message = {"name": name, "summary": (channel.message.__doc__ or "").splitlines()[0]}
    return {
        "address": channel.topic,
        "parameters": used,
        "messages": {name: {**message, "payload": channel.schema(), "examples": [{"payload": example.payload}]}},
    }


def _operation(name: str, channel: Channel) -> dict[str, Any]:
    action: Literal["send", "receive"] = "send" if channel.by_box else "receive"
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retained, "bindingVersion": "0.2.0"}},
    }

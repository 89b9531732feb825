"""Print the contract over MQTT as JSON Schema or AsyncAPI."""

import json
from enum import Enum
from typing import Annotated

import typer


class Document(str, Enum):
    """What can be printed."""

    EVENT = "event"
    STATUS = "status"
    CAMERA = "camera"
    SHELF = "shelf"
    PLC = "plc"
    DETECTIONS = "detections"
    ACK = "ack"
    COMMAND = "command"
    REPLY = "reply"
    ASYNCAPI = "asyncapi"


def schema(
    document: Annotated[Document, typer.Argument(help="A message's JSON Schema, or AsyncAPI of all topics.")],
) -> None:
    """Print what goes over MQTT: the JSON Schema of a message, or the AsyncAPI document of all topics.

    Example: edgekit schema asyncapi > edgekit.asyncapi.json
    """
    from edge.mqtt.contract import CHANNELS, asyncapi  # noqa: PLC0415 - help must not wait for pydantic
    from edge.mqtt.wire import json_schema  # noqa: PLC0415

    content = asyncapi() if document is Document.ASYNCAPI else json_schema(CHANNELS[document.value].message)
    print(json.dumps(content, indent=2))

"""Print the contract over MQTT as JSON Schema or AsyncAPI, and the one over HTTP as OpenAPI."""

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
    MARKDOWN = "markdown"
    OPENAPI = "openapi"


def schema(
    document: Annotated[Document, typer.Argument(help="A message's JSON Schema; AsyncAPI or a page of all; OpenAPI.")],
) -> None:
    """Print what goes over MQTT (JSON Schema of a message, AsyncAPI or Markdown of all), or over HTTP (OpenAPI).

    Example: edgekit schema asyncapi > edgekit.asyncapi.json
    """
    from edge.mqtt.contract import CHANNELS, asyncapi  # noqa: PLC0415 - help must not wait for pydantic
    from edge.mqtt.reference import markdown  # noqa: PLC0415
    from edge.web.openapi import openapi  # noqa: PLC0415

    if document is Document.MARKDOWN:
        print(markdown(), end="")
        return
    match document:
        case Document.ASYNCAPI:
            content = asyncapi()
        case Document.OPENAPI:
            content = openapi()
        case _:
            content = CHANNELS[document.value].schema()
    print(json.dumps(content, indent=2))

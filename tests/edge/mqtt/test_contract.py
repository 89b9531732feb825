"""The documents of the contract are whole, valid, and say what the code does."""

import json
import re
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from edge.mqtt.command_messages import CommandMessage, ReplyMessage
from edge.mqtt.contract import CHANNELS, asyncapi
from edge.mqtt.detection_messages import DetectionsMessage
from edge.mqtt.examples import examples
from edge.mqtt.messages import MESSAGES, AcknowledgementMessage
from edge.mqtt.plc import PlcMessage
from edge.mqtt.schema_cli import Document

ASKED_FOR = (PlcMessage, DetectionsMessage)
COMMANDS = (CommandMessage, ReplyMessage)


def test_every_message_has_its_channel() -> None:
    assert {channel.message for channel in CHANNELS.values()} == {*MESSAGES, *ASKED_FOR, *COMMANDS}
    assert {document.value for document in Document} == {*CHANNELS, "asyncapi", "markdown", "openapi"}


def test_the_document_describes_every_parameter_and_refers_to_what_is_there() -> None:
    document = asyncapi()
    for channel in document["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
        (message,) = channel["messages"].values()
        Draft202012Validator.check_schema(message["payload"])
        assert message["summary"]
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in document["channels"]


def test_acknowledgements_and_commands_come_in_and_what_is_said_once_is_not_retained() -> None:
    operations = asyncapi()["operations"]
    assert {name for name, one in operations.items() if one["action"] == "receive"} == {"ack", "command"}
    said_once = {name for name, one in operations.items() if not one["bindings"]["mqtt"]["retain"]}
    assert said_once == {"event", "plc", "detections", "command", "reply"}
    assert {name for name, one in operations.items() if one["bindings"]["mqtt"]["qos"] == 0} == {"detections"}


def test_only_what_a_command_cannot_do_without_is_required_of_a_client() -> None:
    schema = CHANNELS["command"].schema()
    assert set(schema["required"]) == {"id", "client"}
    Draft202012Validator(schema).validate({"id": "1", "client": "operations"})
    CommandMessage.model_validate_json('{"id": "1", "client": "operations"}')
    assert set(CHANNELS["reply"].schema()["required"]) == set(CHANNELS["reply"].schema()["properties"])


def test_every_message_has_an_example() -> None:
    assert list(examples()) == list(CHANNELS)


@pytest.mark.parametrize("name", CHANNELS)
def test_an_example_is_by_its_schema_in_its_topic_and_shown_whole(name: str) -> None:
    channel, example = CHANNELS[name], examples()[name]
    Draft202012Validator(channel.schema(), format_checker=FormatChecker()).validate(example.payload)
    read = channel.message.model_validate_json(json.dumps(example.payload))
    assert json.loads(read.to_json()) == example.payload
    assert re.fullmatch(re.sub(r"{\w+}", "[^/]+", channel.topic), example.topic)
    assert json.loads(example.text()) == example.payload


def test_the_examples_are_of_one_run_and_one_parcel() -> None:
    said = {name: example.payload for name, example in examples().items()}
    assert len({one["run_id"] for one in said.values() if "run_id" in one}) == 1
    assert {said[name]["epoch"] for name in ("status", "event", "plc", "ack")} == {said["event"]["epoch"]}
    assert (said["plc"]["seq"], said["plc"]["product"]) == (said["event"]["seq"], said["event"]["product"])
    assert (said["reply"]["id"], said["reply"]["ok"]) == (said["command"]["id"], True)


@pytest.mark.parametrize("document", ["ack", "asyncapi"])
def test_the_command_prints_them_as_json(document: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge", "schema", document], capture_output=True, text=True, timeout=60, check=True
    )
    printed = json.loads(done.stdout)
    if document == "ack":
        message = AcknowledgementMessage(epoch="e", upto=3)
        Draft202012Validator(printed).validate(json.loads(message.to_json()))
    else:
        assert printed == asyncapi()

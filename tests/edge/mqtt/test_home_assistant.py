"""Home Assistant's discovery: documented keys only, templates that say what the messages say, nothing left behind."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined
from jsonschema import Draft202012Validator

from edge.mqtt.conversion import Origin, Stamp, event_body, event_message
from edge.mqtt.home_assistant import Discovery
from edge.mqtt.link import Outgoing
from edge.mqtt.messages import BoxState, CameraDrops, CameraState, CameraStatusMessage
from edge.mqtt.section import HomeAssistant, Mqtt
from edge.mqtt.shelf_messages import ShelfMessage, WireCount
from edge.mqtt.topics import Topics
from edge.tags.events import EventKind, Tag, TagEvent, TagSource
from edge.video.section import Camera, FileSource
from edge.zones import Line, Shelf
from tests.edge.mqtt.conftest import NOON
from tests.edge.mqtt.test_messages import STATUS

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto, Subscriber
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox, MakePublisher

    Subscribe = Callable[..., Subscriber]

TOPICS = Topics("hall", "box-1")

# As documented for `sensor.mqtt` and `binary_sensor.mqtt`; keys that only other components have are not among them.
TEXT = {"type": "string", "minLength": 1}
AVAILABILITY = {
    "type": "object",
    "properties": {"topic": TEXT, "value_template": TEXT, "payload_available": TEXT, "payload_not_available": TEXT},
    "required": ["topic"],
    "additionalProperties": False,
}
DEVICE = {
    "type": "object",
    "properties": {
        "identifiers": {"type": "array", "items": TEXT, "minItems": 1},
        **dict.fromkeys(("name", "manufacturer", "model", "sw_version"), TEXT),
    },
    "required": ["identifiers", "name"],
    "additionalProperties": False,
}
COMMON: dict[str, Any] = {
    **dict.fromkeys(("name", "unique_id", "state_topic", "value_template"), TEXT),
    **dict.fromkeys(("json_attributes_topic", "json_attributes_template"), TEXT),
    "availability": {"type": "array", "items": AVAILABILITY},
    "availability_mode": {"enum": ["all", "any", "latest"]},
    "device": DEVICE,
    "origin": {
        "type": "object",
        "properties": {"name": TEXT, "sw_version": TEXT, "support_url": TEXT},
        "required": ["name"],
        "additionalProperties": False,
    },
    "qos": {"enum": [0, 1, 2]},
    "entity_category": {"enum": ["config", "diagnostic"]},
    "force_update": {"type": "boolean"},
}
COMPONENTS = {
    "binary_sensor": {**COMMON, "device_class": {"enum": ["connectivity"]}},
    "sensor": {
        **COMMON,
        "device_class": {"enum": ["enum"]},
        "options": {"type": "array", "items": TEXT},
        "state_class": {"enum": ["measurement", "total", "total_increasing"]},
    },
}


def camera(name: str = "belt", zones: tuple[str, ...] = ("left",)) -> Camera:
    return Camera.model_validate(
        {
            "name": name,
            "source": FileSource.model_validate({"kind": "file", "path": "clip.mp4"}),
            "line": (Line(name="gate", start=(0.5, 0.0), end=(0.5, 1.0)),),
            "shelf": tuple(
                Shelf.model_validate({"name": zone, "rectangle": (0, 0, 1, 1), "expected": ("cola",)}) for zone in zones
            ),
        }
    )


def discovery(*cameras: Camera, enabled: bool = True) -> Discovery:
    return Discovery(HomeAssistant(enabled=enabled), TOPICS, cameras or (camera(),), "0.1.0")


def shelf(*counts: tuple[str, int], zone: str = "left", run_id: str = "run-1") -> ShelfMessage:
    return ShelfMessage(
        site="hall",
        box="box-1",
        camera="belt",
        zone=zone,
        run_id=run_id,
        counts=tuple(WireCount(tag=tag, count=count, since=NOON) for tag, count in counts),
        captured_at=NOON,
        comparing=False,
    )


def told(messages: "list[Outgoing]") -> dict[str, dict[str, Any]]:
    """Return entities by name."""
    return {content["name"]: content for content in (json.loads(message.payload) for message in messages)}


def shown(template: str, message: str) -> str:
    """Render a template over a message, as Home Assistant does."""
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - no page
    return environment.from_string(template).render(value_json=json.loads(message))


def test_every_message_has_documented_keys_only_and_a_topic_that_is_taken() -> None:
    messages = [*discovery().all()]
    assert len(messages) == len({message.topic for message in messages}) == 7
    for message in messages:
        prefix, component, node, object_id, last = message.topic.split("/")
        assert (prefix, last, message.retain) == ("homeassistant", "config", True)
        assert all(sign.isalnum() or sign in "_-" for sign in node + object_id)
        content = json.loads(message.payload)
        schema = {"type": "object", "properties": COMPONENTS[component], "additionalProperties": False}
        Draft202012Validator({**schema, "required": ["state_topic", "unique_id", "device", "origin"]}).validate(content)
        if content.get("device_class") == "enum":  # the one that has options must not have a state class
            assert content["options"]
            assert "state_class" not in content
    assert len({json.loads(message.payload)["unique_id"] for message in messages}) == 7


def test_all_but_the_connection_itself_are_there_while_the_box_is() -> None:
    entities = told([*discovery().all()])
    without = {name for name, entity in entities.items() if "availability" not in entity}
    assert without == {"Connected", "State"}
    offline = STATUS.model_copy(update={"state": BoxState.OFFLINE, "cameras": {}, "outbox_depth": None}).to_json()
    for entity in entities.values():
        for one in entity.get("availability", [])[:1]:
            assert (one["topic"], shown(one["value_template"], STATUS.to_json())) == (TOPICS.status, "online")
            assert shown(one["value_template"], offline) == "offline"
    assert shown(entities["Connected"]["value_template"], STATUS.to_json()) == "ON"
    assert shown(entities["Connected"]["value_template"], offline) == "OFF"
    # A last will knows no counts: nothing is shown anew, and no template fails.
    assert shown(entities["Events waiting"]["value_template"], offline) == ""
    assert shown(entities["belt events"]["value_template"], offline) == ""


def test_status_and_cameras_are_shown_as_told() -> None:
    entities = told([*discovery().all()])
    assert shown(entities["belt events"]["value_template"], STATUS.to_json()) == "3"
    assert shown(entities["Events waiting"]["value_template"], STATUS.to_json()) == "0"
    assert shown(entities["State"]["value_template"], STATUS.to_json()) in entities["State"]["options"]
    stalled = CameraStatusMessage(
        site="hall",
        box="box-1",
        camera="belt",
        run_id="run-1",
        state=CameraState.STALLED,
        since=NOON,
        fps=None,
        drops=CameraDrops(superseded=0, damaged=0, blind=0),
        reason='no frame for 5 s, says "it"',
    ).to_json()
    state = entities["belt state"]
    assert (state["state_topic"], shown(state["value_template"], stalled)) == (TOPICS.camera_status("belt"), "stalled")
    assert json.loads(shown(state["json_attributes_template"], stalled))["reason"] == 'no frame for 5 s, says "it"'
    sees = entities["belt left cola"]["availability"][1]
    assert (sees["topic"], shown(sees["value_template"], stalled)) == (TOPICS.camera_status("belt"), "offline")


@pytest.mark.parametrize(
    ("changes", "replayed", "text"),
    [
        ({}, False, "4006381333931"),
        ({"zone": "other"}, False, ""),
        ({"kind": EventKind.NO_READ, "tags": ()}, False, ""),
        ({"tags": (Tag("code", "x" * 256, 1.0, TagSource.BARCODE),)}, False, ""),
        ({}, True, ""),
    ],
)
def test_a_lines_last_read_is_the_newest_code_that_was_read_there(
    make_event: "MakeEvent", changes: dict[str, Any], text: str, *, replayed: bool
) -> None:
    event: TagEvent = replace(make_event(), **{"zone": "gate", **changes})
    stamp = Stamp("01890a5d-ac96-774b-bcce-b302099a8057", "e", 1)
    body = event_body(event, Origin("hall", "box-1", "run-1"), stamp)
    message = event_message(body, published_at=NOON, waited_ms=1.0, total_ms=2.0, replayed=replayed).to_json()
    entity = told([*discovery().all()])["belt gate last read"]
    assert entity["state_topic"] == TOPICS.events("belt")
    assert shown(entity["value_template"], message) == text


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_class_is_counted_by_its_own_name(tag: str) -> None:
    learning = discovery()
    messages = [*learning.learn(shelf((tag, 4), ("other", 2)))]
    (own,) = [one for one in map(json.loads, [m.payload for m in messages]) if one["name"] == f"belt left {tag}"] or [
        told([*learning.all()])["belt left cola"]
    ]
    assert shown(own["value_template"], shelf((tag, 4)).to_json()) == "4"
    assert shown(own["value_template"], shelf((f"{tag}!", 9)).to_json()) == "0"
    assert [*learning.learn(shelf((tag, 5)))] == []


def test_names_that_join_to_the_same_text_stay_apart() -> None:
    nodes = {Discovery(HomeAssistant(), Topics(*names), (), "1").filter for names in (("a_b", "c"), ("a", "b_c"))}
    assert len(nodes) == 2


def kept(subscribe: "Subscribe", port: int, eventually: Callable[..., None]) -> set[str]:
    """Return the names of all entities that the broker keeps."""
    late = subscribe(port, "#")
    eventually(lambda: late.on(TOPICS.status))
    late.publish("the/end", b"x")
    eventually(lambda: late.on("the/end"))
    found = [message for message in late.received if message.topic.startswith("homeassistant/") and message.payload]
    return {message.json()["name"] for message in found}


def test_what_goes_from_the_configuration_goes_there_and_all_goes_with_the_switch(
    mosquitto: "Mosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
) -> None:
    def run(shown_in: Discovery, told: ShelfMessage | None = None) -> set[str]:
        outbox = make_outbox()
        publisher = make_publisher(outbox, Mqtt(port=mosquitto.port), cameras=("belt", "dock"))
        publisher.show_in(shown_in)
        publisher.start()
        if told is not None:
            publisher.set_shelf(told)
        names: set[str] = set()
        settled = subscribe(mosquitto.port, "settled/#")
        for _ in range(3):  # what is cleared was heard of first
            settled.publish("settled/x", b"x")
        before: set[str] | None = None
        while before != names or before is None:
            before, names = names, kept(subscribe, mosquitto.port, eventually)
        publisher.stop(5.0)
        outbox.close()
        return names

    box = {"Connected", "State", "Events waiting"}
    belt = {"belt state", "belt events", "belt gate last read"}
    dock = {name.replace("belt", "dock") for name in belt}
    both = discovery(camera(zones=("left", "right")), camera("dock", ()))
    assert run(both, shelf(("rice", 2))) == box | belt | dock | {
        "belt left cola",
        "belt left rice",
        "belt right cola",
    }
    assert run(discovery(camera())) == box | belt | {"belt left cola", "belt left rice"}
    assert run(discovery(enabled=False)) == set()


def test_without_the_part_nothing_is_told_there(
    mosquitto: "Mosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
) -> None:
    publisher = make_publisher(make_outbox(), Mqtt(port=mosquitto.port))
    publisher.start()
    publisher.set_shelf(shelf(("cola", 1)))
    assert kept(subscribe, mosquitto.port, eventually) == set()

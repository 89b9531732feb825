"""What Home Assistant has to know to show a box: retained messages that point at the topics that are there anyway.

Source: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery, and its pages on sensors and binary sensors.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.mqtt.link import Outgoing, Received
from edge.mqtt.messages import BoxState, CameraState
from edge.mqtt.section import HomeAssistant
from edge.mqtt.shelf_messages import ShelfMessage
from edge.mqtt.topics import Topics
from edge.video.section import Camera

_ONLINE = "{{ 'offline' if value_json.state == 'offline' else 'online' }}"
_SEES = "{{ 'online' if value_json.state in ('streaming', 'masked') else 'offline' }}"
_REASON = "{{ {'reason': value_json.reason} | tojson }}"


@dataclass(frozen=True, slots=True)
class _Entity:
    """One thing that Home Assistant shows: its place below the box, its kind there, and its own keys."""

    place: tuple[str, ...]
    component: str
    keys: Mapping[str, Any]


class Discovery:
    """The discovery messages of one box. Used by one thread.

    Each class of product that is counted on a shelf is an entity of its own, told as it is first heard of.

    Args:
        settings: The prefix, and whether the box is to be shown at all.
        topics: Of the box.
        cameras: From the configuration.
        version: Of edgekit.
    """

    def __init__(self, settings: HomeAssistant, topics: Topics, cameras: Sequence[Camera], version: str) -> None:
        self._settings = settings
        self._topics = topics
        self._version = version
        self._zones = {(camera.name, shelf.name) for camera in cameras for shelf in camera.shelves}
        entities = [*self._of_box()]
        for camera in cameras:
            entities += self._of_camera(camera)
        self._told = {self._topic(entity): entity for entity in entities} if settings.enabled else {}

    @property
    def filter(self) -> str:
        """The filter for all discovery messages of this box that a broker keeps."""
        return f"{self._settings.prefix}/+/{self._node}/+/config"

    def all(self) -> Iterator[Outgoing]:
        """Return every discovery message that is known of by now."""
        yield from (self._message(topic, entity) for topic, entity in self._told.items())

    def learn(self, shelf: ShelfMessage) -> Iterator[Outgoing]:
        """Return discovery messages of classes that this shelf counts and no message told of yet."""
        for counted in shelf.counts if self._settings.enabled else ():
            entity = self._of_shelf(shelf.camera, shelf.zone, counted.tag)
            topic = self._topic(entity)
            if topic not in self._told:
                self._told[topic] = entity
                yield self._message(topic, entity)

    def outlived(self, message: Received) -> Iterator[Outgoing]:
        """Return what clears a message that the broker keeps of a camera, line or zone that is no longer there.

        A class of a zone that is still there may be counted again, and an entity that comes back would have lost what
        its user chose for it; so it stays.
        """
        object_id = message.topic.rpartition("/config")[0].rpartition("/")[2]
        may_return = self._settings.enabled and any(object_id.startswith(_id("shelf", *zone)) for zone in self._zones)
        if message.retained and message.payload and message.topic not in self._told and not may_return:
            yield Outgoing(message.topic, b"", retain=True)

    def owns(self, topic: str) -> bool:
        """Return whether a topic is one of this box's discovery messages."""
        match topic.removeprefix(f"{self._settings.prefix}/").split("/"):
            case [_, node, _, "config"]:
                return node == self._node
            case _:
                return False

    @property
    def _node(self) -> str:
        return _id("edgekit", self._topics.site, self._topics.box)

    def _topic(self, entity: _Entity) -> str:
        return f"{self._settings.prefix}/{entity.component}/{self._node}/{_id(*entity.place)}/config"

    def _message(self, topic: str, entity: _Entity) -> Outgoing:
        root = self._topics.root
        content = {
            "unique_id": "/".join((root, *entity.place)),
            "qos": 1,
            **entity.keys,
            "device": {
                "identifiers": [root],
                "name": f"{self._topics.box} ({self._topics.site})",
                "manufacturer": "edgekit",
                "model": "edge box",
                "sw_version": self._version,
            },
            "origin": {"name": "edgekit", "sw_version": self._version},
        }
        return Outgoing(topic, json.dumps(content, ensure_ascii=False).encode(), retain=True)

    def _available(self, *cameras: str) -> dict[str, Any]:
        """Return the keys by which an entity is there while the box is, and while the cameras named see."""
        box = {"topic": self._topics.status, "value_template": _ONLINE}
        seeing = [{"topic": self._topics.camera_status(name), "value_template": _SEES} for name in cameras]
        return {"availability": [box, *seeing], "availability_mode": "all"}

    def _of_box(self) -> Iterator[_Entity]:
        status = {"state_topic": self._topics.status, "entity_category": "diagnostic"}
        connected = "{{ 'OFF' if value_json.state == 'offline' else 'ON' }}"
        keys = {"name": "Connected", "device_class": "connectivity", "value_template": connected}
        yield _Entity(("connected",), "binary_sensor", {**keys, **status})
        keys = {"name": "State", "device_class": "enum", "value_template": "{{ value_json.state }}"}
        told = {"json_attributes_topic": self._topics.status, "json_attributes_template": _REASON}
        yield _Entity(("state",), "sensor", {**keys, "options": [state.value for state in BoxState], **status, **told})
        waiting = {"name": "Events waiting", "state_class": "measurement", **self._available()}
        template = "{{ value_json.outbox_depth if value_json.outbox_depth is not none else '' }}"
        yield _Entity(("waiting",), "sensor", {**waiting, "value_template": template, **status})

    def _of_camera(self, camera: Camera) -> Iterator[_Entity]:
        name, status = camera.name, self._topics.camera_status(camera.name)
        state = {
            "name": f"{name} state",
            "device_class": "enum",
            "options": [state.value for state in CameraState],
            "state_topic": status,
            "value_template": "{{ value_json.state }}",
            "json_attributes_topic": status,
            "json_attributes_template": "{{ {'reason': value_json.reason, 'fps': value_json.fps} | tojson }}",
        }
        yield _Entity(("camera", name, "state"), "sensor", {**state, **self._available()})
        last = f"(value_json.cameras[{_quoted(name)}] | default({{}})).last_seq | default('')"
        events = {"name": f"{name} events", "state_class": "total_increasing", "state_topic": self._topics.status}
        yield _Entity(
            ("camera", name, "events"), "sensor", {**events, "value_template": f"{{{{ {last} }}}}", **self._available()}
        )
        for line in camera.lines:
            yield self._of_line(name, line.name)
        for shelf in camera.shelves:
            yield from (self._of_shelf(name, shelf.name, tag) for tag in shelf.expected)

    def _of_line(self, camera: str, line: str) -> _Entity:
        # A state of Home Assistant has at most 255 signs. No output leaves it as it is.
        code = "value_json.tags | selectattr('key', 'eq', 'code') | map(attribute='value') | first | default('')"
        wanted = f"value_json.kind == 'read' and value_json.zone == {_quoted(line)} and not value_json.replayed"
        keys = {
            "name": f"{camera} {line} last read",
            "state_topic": self._topics.events(camera),
            "value_template": f"{{% set code = {code} %}}{{{{ code if {wanted} and code | length <= 255 else '' }}}}",
            "force_update": True,
        }
        return _Entity(("line", camera, line, "read"), "sensor", {**keys, **self._available()})

    def _of_shelf(self, camera: str, zone: str, tag: str) -> _Entity:
        counts = f"value_json.counts | selectattr('tag', 'eq', {_quoted(tag)}) | map(attribute='count')"
        keys = {
            "name": f"{camera} {zone} {tag}",
            "state_class": "measurement",
            "state_topic": self._topics.shelf(camera, zone),
            "value_template": f"{{{{ {counts} | first | default(0) }}}}",
        }
        return _Entity(("shelf", camera, zone, tag), "sensor", {**keys, **self._available(camera)})


def _id(*place: str) -> str:
    """Return a part of a topic that no other place has; of a shelf's class it begins with its zone's.

    Names may hold the signs that join them, and a class any sign at all, so digests tell them apart.
    """
    shelf_and_tag = place[0] == "shelf" and len(place) == 4  # noqa: PLR2004 - shelf, camera, zone, tag
    if shelf_and_tag:
        return f"{_id(*place[:3])}_{_digest(place[3])}"
    return f"{place[0]}_{_digest(*place)}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:12]


def _quoted(text: str) -> str:
    """Return a text as a literal of Jinja, without any sign that its templates give a meaning to."""
    written = json.dumps(text, ensure_ascii=False)
    for sign in "{}%#'":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written

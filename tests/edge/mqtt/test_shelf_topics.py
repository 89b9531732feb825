"""What stands on shelves is retained, told anew after each connect, and cleared when nobody has the zone any more."""

import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator

from edge.mqtt.section import Mqtt
from edge.mqtt.shelf_messages import ShelfMessage, WireCount
from edge.mqtt.topics import Topics
from edge.mqtt.wire import json_schema

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto, Subscriber
    from tests.edge.mqtt.conftest import MakeOutbox, MakePublisher

    Subscribe = Callable[..., Subscriber]

TOPICS = Topics("hall", "box-1")
NOON = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)


def shelf(zone: str = "left", count: int = 3, run_id: str = "run-1") -> ShelfMessage:
    return ShelfMessage(
        site="hall",
        box="box-1",
        camera="belt",
        zone=zone,
        run_id=run_id,
        counts=(WireCount(tag="cola", count=count, since=NOON),),
        captured_at=NOON,
        comparing=False,
    )


def test_what_stands_there_is_retained_and_holds_to_its_schema(
    port: int,
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    live = subscribe(port)
    publisher = make_publisher(make_outbox(), Mqtt(port=port), shelves=(("belt", "left"),))
    publisher.start()
    topic = TOPICS.shelf("belt", "left")
    for number in (3, 2):
        publisher.set_shelf(shelf(count=number))
        eventually(lambda told=number: [m.json()["counts"][0]["count"] for m in live.on(topic)][-1:] == [told])
    late = subscribe(port)
    eventually(lambda: late.on(topic))
    (kept,) = late.on(topic)
    assert kept.retain
    assert kept.json()["counts"] == [{"tag": "cola", "count": 2, "since": "2025-03-01T12:00:00.000Z"}]
    assert kept.json()["run_id"] == "run-1"
    Draft202012Validator(json_schema(ShelfMessage)).validate(kept.json())


def test_after_a_broker_that_forgot_all_it_is_told_anew(
    mosquitto: "Mosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    publisher = make_publisher(make_outbox(), Mqtt(port=mosquitto.port), shelves=(("belt", "left"), ("belt", "right")))
    publisher.start()
    publisher.set_shelf(shelf("left", 3))
    publisher.set_shelf(shelf("right", 5))
    first = subscribe(mosquitto.port)
    eventually(lambda: len(first.on(TOPICS.shelf("belt", "left")) + first.on(TOPICS.shelf("belt", "right"))) == 2)
    mosquitto.kill()  # it had not saved anything yet
    eventually(lambda: not publisher.connected)
    publisher.set_shelf(shelf("right", 4))  # it changes while nobody hears it
    mosquitto.start()
    eventually(lambda: publisher.connected)
    late = subscribe(mosquitto.port)
    eventually(lambda: len(late.on(TOPICS.shelf("belt", "left")) + late.on(TOPICS.shelf("belt", "right"))) >= 2)
    counts = {zone: late.on(TOPICS.shelf("belt", zone))[-1].json()["counts"][0]["count"] for zone in ("left", "right")}
    assert counts == {"left": 3, "right": 4}


def test_zones_and_cameras_that_were_removed_are_cleared_also_without_the_old_outbox(
    port: int,
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
    tmp_path: Path,
) -> None:
    outbox = make_outbox("run-1")
    before = make_publisher(outbox, Mqtt(port=port), shelves=(("belt", "left"), ("belt", "right")))
    before.start()
    before.set_shelf(shelf("left"))
    before.set_shelf(shelf("right"))
    assert before.stop(5.0) == 0
    outbox.close()
    for file in tmp_path.glob("outbox.sqlite*"):
        file.unlink()
    after = make_publisher(make_outbox("run-2"), Mqtt(port=port), cameras=("belt",), shelves=(("belt", "left"),))
    after.start()
    eventually(lambda: topics_of(subscribe, port) == {TOPICS.status, TOPICS.shelf("belt", "left")})
    # What is left is of the older run, and so void, until this run knows better.
    after.set_shelf(shelf("left", 1, "run-2"))
    eventually(lambda: runs_of(subscribe, port, TOPICS.shelf("belt", "left")) == ["run-2"])


def topics_of(subscribe: "Subscribe", port: int) -> set[str]:
    late = subscribe(port)
    time.sleep(0.1)
    return {message.topic for message in late.received if message.retain}


def runs_of(subscribe: "Subscribe", port: int, topic: str) -> list[str]:
    late = subscribe(port, topic)
    time.sleep(0.1)
    return [json.loads(message.payload)["run_id"] for message in late.received]


def test_a_shelfs_topic_is_told_from_all_others() -> None:
    assert TOPICS.shelf_of(TOPICS.shelf("belt", "left")) == ("belt", "left")
    others = [TOPICS.events("belt"), TOPICS.camera_status("belt"), TOPICS.status, TOPICS.command("ping")]
    assert [TOPICS.shelf_of(topic) for topic in (*others, "edgekit/v1/hall/box-2/cameras/belt/shelf/left")] == [
        None
    ] * 5

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from edge.mqtt.messages import CameraDrops, CameraState, CameraStatusMessage, EventMessage, StatusMessage
from edge.mqtt.pace import Pace
from edge.mqtt.section import Mqtt
from edge.mqtt.wire import WireModel, json_schema

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto, Subscriber
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox, MakePublisher

    MakeMosquitto = Callable[..., Mosquitto]
    Subscribe = Callable[..., Subscriber]

STATUS = "edgekit/v1/hall/box-1/status"
EVENTS = "edgekit/v1/hall/box-1/cameras/belt/events"
CAMERA = "edgekit/v1/hall/box-1/cameras/belt/status"


def _camera_status(run_id: str, state: CameraState = CameraState.STREAMING) -> CameraStatusMessage:
    since = datetime(2025, 3, 1, tzinfo=timezone.utc)
    return CameraStatusMessage(
        site="hall",
        box="box-1",
        camera="belt",
        run_id=run_id,
        state=state,
        since=since,
        fps=29.5,
        drops=CameraDrops(superseded=0, damaged=0, blind=0),
        reason=None,
    )


def _check(model: type[WireModel], message: Any) -> None:
    validator = Draft202012Validator(json_schema(model), format_checker=Draft202012Validator.FORMAT_CHECKER)
    validator.validate(message)


def test_all_that_is_published_holds_to_its_schema_and_comes_in_order(
    port: int,
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    subscriber = subscribe(port)
    outbox = make_outbox()
    publisher = make_publisher(outbox, Mqtt(port=port))
    publisher.set_camera_status(_camera_status("run-1"))
    publisher.start()
    for number in range(30):
        outbox.commit([make_event(text=str(number))])
        publisher.notify()
    assert publisher.stop(10.0) == 0
    eventually(lambda: len(subscriber.on(STATUS)) >= 2)
    statuses = [message.json() for message in subscriber.on(STATUS)]
    events = [message.json() for message in subscriber.on(EVENTS)]
    for status in statuses:
        _check(StatusMessage, status)
    for event in events:
        _check(EventMessage, event)
    (camera,) = subscriber.on(CAMERA)
    _check(CameraStatusMessage, camera.json())
    assert [event["seq"] for event in events] == list(range(1, 31))
    assert {event["epoch"] for event in events} == {outbox.epoch}
    assert not any(event["replayed"] for event in events)
    assert all(event["latency_ms"]["total"] >= event["latency_ms"]["stages"]["outbox"] for event in events)
    assert [message.topic for message in subscriber.received[:2]] == [STATUS, CAMERA]
    assert (statuses[0]["state"], statuses[-1]["state"]) == ("online", "offline")


def test_status_topics_are_retained_and_carry_the_run(
    port: int,
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    publisher = make_publisher(make_outbox("run-7"), Mqtt(port=port))
    publisher.set_camera_status(_camera_status("run-7"))
    publisher.start()
    eventually(lambda: publisher.connected)
    time.sleep(0.2)
    late = subscribe(port)
    eventually(lambda: len(late.received) >= 2)
    assert {message.topic for message in late.received} == {STATUS, CAMERA}
    assert all(message.retain and message.json()["run_id"] == "run-7" for message in late.received)


def test_a_stop_leaves_a_retained_offline_of_this_run(
    port: int,
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    publisher = make_publisher(make_outbox("run-7"), Mqtt(port=port))
    publisher.start()
    assert publisher.stop(5.0) == 0
    assert not publisher.connected
    late = subscribe(port)
    eventually(lambda: late.received)
    status = late.received[0].json()
    assert (status["state"], status["reason"], status["run_id"]) == ("offline", "stopped", "run-7")


def test_events_of_an_earlier_run_are_replayed_without_a_latency_of_this_one(
    port: int,
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    earlier = make_outbox("run-1")
    earlier.commit([make_event() for _ in range(3)])
    earlier.close()
    subscriber = subscribe(port)
    outbox = make_outbox("run-2")
    publisher = make_publisher(outbox, Mqtt(port=port))
    publisher.start()
    outbox.commit([make_event()])
    assert publisher.stop(10.0) == 0
    eventually(lambda: len(subscriber.on(EVENTS)) == 4)
    events = {message.json()["seq"]: message.json() for message in subscriber.on(EVENTS)}
    assert [events[seq]["replayed"] for seq in (1, 2, 3)] == [True] * 3
    assert [events[seq]["run_id"] for seq in (1, 4)] == ["run-1", "run-2"]
    assert events[1]["latency_ms"] == {"stages": {"decode": 1.25, "inference": 12.5}, "total": None}


def test_the_status_is_told_again_and_says_how_far_each_camera_is(
    mosquitto: "Mosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    subscriber = subscribe(mosquitto.port)
    outbox = make_outbox()
    publisher = make_publisher(outbox, Mqtt(port=mosquitto.port), pace=Pace(status_every_s=0.1))
    publisher.start()
    outbox.commit([make_event(), make_event()])
    publisher.notify()
    position = {"last_seq": 2, "oldest_unacknowledged": None}
    eventually(lambda: [message.json()["cameras"] for message in subscriber.on(STATUS)][-1:] == [{"belt": position}])
    newest = subscriber.on(STATUS)[-1].json()
    assert newest["outbox_depth"] == 0
    assert newest["since"] == subscriber.on(STATUS)[0].json()["since"]
    assert newest["versions"] == {"edgekit": "0.1.0"}


def test_a_blind_camera_degrades_the_box_until_it_sees_again(
    mosquitto: "Mosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    subscriber = subscribe(mosquitto.port)
    publisher = make_publisher(make_outbox(), Mqtt(port=mosquitto.port))
    publisher.start()
    for state in (CameraState.RECONNECTING, CameraState.STREAMING):
        publisher.set_camera_status(_camera_status("run-1", state))
        eventually(lambda told=state.value: [m.json()["state"] for m in subscriber.on(CAMERA)][-1:] == [told])
    eventually(lambda: len(subscriber.on(STATUS)) == 3)
    told = [(message.json()["state"], message.json()["reason"]) for message in subscriber.on(STATUS)]
    assert told == [("online", None), ("degraded", "camera belt is reconnecting"), ("online", None)]


def test_the_retained_status_of_a_removed_camera_is_cleared(
    mosquitto: "Mosquitto",
    subscribe: "Subscribe",
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
    eventually: "Callable[..., None]",
) -> None:
    outbox = make_outbox("run-1")
    before = make_publisher(outbox, Mqtt(port=mosquitto.port))
    before.set_camera_status(_camera_status("run-1"))
    before.start()
    before.stop(5.0)
    outbox.close()
    after = make_publisher(make_outbox("run-2"), Mqtt(port=mosquitto.port), cameras=("dock",))
    after.start()
    after.stop(5.0)
    late = subscribe(mosquitto.port)
    eventually(lambda: late.received)
    time.sleep(0.1)
    assert [message.topic for message in late.received] == [STATUS]

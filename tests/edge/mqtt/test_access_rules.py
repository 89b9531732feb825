"""The example of a broker's access rules lets everybody do what is theirs and nothing else, at a real mosquitto."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.doctor.broker import check_broker
from edge.doctor.finding import Level
from edge.mqtt.audit import AuditLog
from edge.mqtt.client import ask
from edge.mqtt.command_messages import CommandMessage, CommandName
from edge.mqtt.commands import CommandDesk, CommandHall, Desk
from edge.mqtt.consumer import Consumer
from edge.mqtt.conversion import Origin
from edge.mqtt.inbox import Inbox
from edge.mqtt.link import Acknowledged, Link, Outgoing, Received
from edge.mqtt.outbox import Outbox
from edge.mqtt.pace import Pace
from edge.mqtt.publisher import Publisher
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto
    from tests.edge.mqtt.conftest import MakeEvent

RULES = Path(__file__).parents[3] / "systemd" / "mosquitto.acl.example"
TOPICS = Topics("hamburg", "line1")
USERS = ("line1", "sorter", "operations", "dashboard")

OWN = {
    "line1": (
        TOPICS.status,
        TOPICS.camera_status("belt"),
        TOPICS.shelf("belt", "left"),
        TOPICS.events("belt"),
        TOPICS.plc("belt"),
        TOPICS.detections("belt"),
        TOPICS.reply("ping", "operations"),
        TOPICS.echo("1"),
    ),
    "sorter": (TOPICS.acknowledgement("sorter", "belt"),),
    "operations": (TOPICS.command("ping"),),
    "dashboard": (),
}
STRANGE = (TOPICS.acknowledgement("archive", "belt"), Topics("hamburg", "line2").status, "homeassistant/x", "elsewhere")


@pytest.fixture
def guarded(make_mosquitto: "Callable[..., Mosquitto]", tmp_path: Path) -> "Mosquitto":
    """Start a mosquitto that knows the example's users and rules."""
    users = tmp_path / "users"
    users.touch(mode=0o600)
    for user in USERS:
        subprocess.run(["mosquitto_passwd", "-b", str(users), user, f"of {user}"], check=True, capture_output=True)
        (tmp_path / f"{user}.password").write_text(f"of {user}\n")
    return make_mosquitto("allow_anonymous false", f"password_file {users}", f"acl_file {RULES}")


@pytest.fixture
def login(guarded: "Mosquitto", tmp_path: Path) -> Callable[[str], Mqtt]:
    """Return the settings of a user."""

    def settings(user: str) -> Mqtt:
        consumers = ("sorter",) if user == "line1" else ()
        password = tmp_path / f"{user}.password"
        return Mqtt(port=guarded.port, username=user, password_file=password, consumers=consumers)

    return settings


@pytest.fixture
def connect(login: Callable[[str], Mqtt]) -> "Iterator[Callable[[str], Spoken]]":
    """Connect as a user; all are disconnected at the end."""
    opened: list[Spoken] = []

    def make(user: str) -> Spoken:
        opened.append(Spoken(login(user), user))
        return opened[-1]

    yield make
    for one in opened:
        one.link.close()


class Spoken:
    """A connection, with the broker's answers and all that was heard."""

    def __init__(self, settings: Mqtt, user: str) -> None:
        self.heard: list[str] = []
        self._answers: dict[int, str | None] = {}
        self._answered = threading.Condition()
        self.link = Link.open(settings, f"test.{user}", None, self._note)

    def _note(self, signal: object) -> None:
        with self._answered:
            if isinstance(signal, Acknowledged):
                self._answers[signal.mid] = signal.refusal
                self._answered.notify_all()
            elif isinstance(signal, Received):
                self.heard.append(signal.topic)

    def publish(self, topic: str) -> str | None:
        """Publish, and return why it was refused, None where it was not."""
        with self._answered:
            mid = self.link.publish(Outgoing(topic, b"{}"))
            assert self._answered.wait_for(lambda: mid in self._answers, 10), topic
            return self._answers[mid]

    def hear_everything(self) -> None:
        """Subscribe to all that there is: mosquitto grants it, and delivers what the rules allow."""
        granted = threading.Event()
        self.link.subscribe("#", granted.set)
        assert granted.wait(10)


@pytest.mark.parametrize("user", USERS)
def test_everybody_may_say_what_is_theirs_and_nothing_else(user: str, connect: Callable[[str], Spoken]) -> None:
    every = {topic for topics in OWN.values() for topic in topics} | set(STRANGE)
    # Each over a connection of its own: mosquitto 2.0.11 ends one after it has refused a message on it.
    answers = {topic: connect(user).publish(topic) for topic in every}
    assert {topic for topic, refusal in answers.items() if refusal is None} == set(OWN[user])
    assert {refusal for refusal in answers.values() if refusal is not None} == {"Not authorized 0x87"}


@pytest.mark.parametrize(
    ("user", "hears"),
    [
        ("line1", {*OWN["sorter"], *OWN["operations"], TOPICS.shelf("belt", "left"), TOPICS.echo("1")}),
        ("sorter", {*OWN["line1"][:6]}),
        ("operations", {*OWN["line1"][:7]}),
        ("dashboard", {*OWN["line1"][:6]}),
    ],
)
def test_everybody_hears_what_is_for_them_and_nothing_else(
    user: str, hears: set[str], connect: Callable[[str], Spoken], eventually: Callable[..., None]
) -> None:
    listener = connect(user)
    listener.hear_everything()
    for speaker in (name for name in USERS if name != user):
        spoken = connect(speaker)
        for topic in OWN[speaker]:
            assert spoken.publish(topic) is None
    if user == "line1":
        listener.publish(TOPICS.shelf("belt", "left"))
        listener.publish(TOPICS.echo("1"))
    eventually(lambda: hears <= set(listener.heard))
    assert set(listener.heard) == hears


def test_nobody_comes_in_without_a_name(guarded: "Mosquitto") -> None:
    with pytest.raises(EdgekitError, match="Not authorized 0x87"):
        Link.open(Mqtt(port=guarded.port), "test.nobody", None, lambda _signal: None)


def test_the_doctor_and_the_health_gate_hear_their_own_message(login: Callable[[str], Mqtt], tmp_path: Path) -> None:
    camera = {"name": "belt", "source": {"kind": "file", "path": tmp_path / "clip.mp4"}}
    box = {
        "box": {"site": TOPICS.site, "name": TOPICS.box},
        "bundle": {"path": tmp_path / "bundle", "trusted_keys": [tmp_path / "bundle.pub"]},
        "outbox": {"path": tmp_path / "outbox.db"},
        "camera": [camera],
    }
    config = BoxConfig.model_validate(box).model_copy(update={"mqtt": login("line1")})
    (found,) = check_broker(config)
    assert found.level is Level.OK, found.what


def test_a_box_its_consumer_and_its_client_get_along(
    login: Callable[[str], Mqtt], tmp_path: Path, make_event: "MakeEvent", eventually: Callable[..., None]
) -> None:
    origin = Origin("hamburg", "line1", "run-1")
    desk = Desk(TOPICS, "run-1", ("operations",))
    commands = CommandHall(
        CommandDesk(desk, lambda _name, _command: {"uptime_s": 1.0}, AuditLog(tmp_path / "audit.jsonl"))
    )
    stop = threading.Event()

    def consume() -> None:
        with Inbox(tmp_path / "inbox.sqlite", lambda _connection, _event: None) as inbox:
            Consumer(login("sorter"), TOPICS, "sorter", inbox).run(stop)

    consuming = threading.Thread(target=consume)
    consuming.start()
    with Outbox.open(tmp_path / "outbox.sqlite", origin=origin, consumers=("sorter",)) as outbox:
        quick = Pace(confirm_s=0.5)  # the consumer may come after the first sending
        publisher = Publisher(login("line1"), outbox, cameras=("belt",), versions={}, pace=quick)
        publisher.obey(commands)
        publisher.start()
        try:
            outbox.commit([make_event() for _ in range(3)])
            publisher.notify()
            eventually(lambda: outbox.depth == 0, 30.0)
            command = CommandMessage(id="c1", client="operations")
            assert ask(login("operations"), TOPICS, CommandName.PING, command, 10).ok
        finally:
            stop.set()
            publisher.stop(1)
            commands.stop(5)
            consuming.join()

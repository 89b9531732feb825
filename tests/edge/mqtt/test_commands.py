"""Commands are executed once, for those who may command, answered where no reply passes for the box's own word."""

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from devices.errors import EdgekitError
from edge.mqtt.audit import AuditEntry, AuditLog
from edge.mqtt.client import ask
from edge.mqtt.command_messages import CommandMessage, CommandName, ReplyMessage, Scalar
from edge.mqtt.commands import PICTURE, CommandDesk, CommandHall, Desk
from edge.mqtt.link import Link, Outgoing, Received
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics

TOPICS = Topics("hall", "box-1")
OTHER = Topics("hall", "box-2")
LINK = cast("Link", None)
Eventually = Callable[..., None]


class Box:
    """Executes what it is told, and keeps it."""

    def __init__(self) -> None:
        self.done: list[tuple[CommandName, CommandMessage]] = []

    def execute(self, name: CommandName, command: CommandMessage) -> Mapping[str, Scalar]:
        self.done.append((name, command))
        if command.camera == "nowhere":
            raise EdgekitError("there is no camera 'nowhere'")
        if command.camera == "broken":
            raise RuntimeError("a secret of the inside")
        return {"uptime_s": 1.5, PICTURE: "abc"}


class Counter:
    """A desk with its box, and what it replied."""

    def __init__(self, path: Path, eventually: Eventually) -> None:
        self.box = Box()
        self.log = path
        self.sent: list[Outgoing] = []
        self._eventually = eventually
        self.desk = CommandDesk(Desk(TOPICS, "run-1", ("ops",)), self.box.execute, AuditLog(path))
        self.desk.start(self.sent.append)

    def say(self, payload: Any, name: str = "ping", **message: Any) -> None:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        topic = TOPICS.command(name)
        self.desk.take(Received(LINK, topic, content, message.pop("retained", False), **message))

    def replies(self, count: int) -> list[ReplyMessage]:
        self._eventually(lambda: len(self.sent) >= count)
        return [ReplyMessage.model_validate_json(message.payload) for message in self.sent]

    def entries(self, count: int) -> list[AuditEntry]:
        self._eventually(lambda: len(self.log.read_bytes().splitlines()) >= count)
        return [AuditEntry.model_validate_json(line) for line in self.log.read_bytes().splitlines()]


@pytest.fixture
def counter(tmp_path: Path, eventually: Eventually) -> Iterator[Counter]:
    made = Counter(tmp_path / "audit.jsonl", eventually)
    yield made
    made.desk.stop(5)


def command(command_id: str = "c1", **fields: Any) -> dict[str, Any]:
    return {"schema": "edgekit.command/1", "id": command_id, "client": "ops", **fields}


def test_a_command_is_executed_written_down_and_answered(counter: Counter):
    counter.say(command())
    (reply,) = counter.replies(1)
    assert (reply.ok, reply.id, reply.command, reply.repeated) == (True, "c1", "ping", False)
    assert reply.result == {"uptime_s": 1.5, PICTURE: "abc"}
    assert counter.sent[0].topic == TOPICS.reply("ping", "ops")
    (entry,) = counter.entries(1)
    assert (entry.client, entry.command, entry.reply.id) == ("ops", "ping", "c1")
    assert PICTURE not in entry.reply.result


def test_the_same_id_is_executed_once_also_after_a_restart(counter: Counter, tmp_path: Path, eventually: Eventually):
    counter.say(command())
    counter.say(command())
    first, second = counter.replies(2)
    assert (first.repeated, second.repeated) == (False, True)
    assert len(counter.box.done) == 1
    counter.desk.stop(5)
    again = Counter(tmp_path / "audit.jsonl", eventually)
    again.say(command())
    (third,) = again.replies(1)
    again.desk.stop(5)
    assert third.repeated
    assert third.result == {"uptime_s": 1.5}
    assert again.box.done == []


def test_an_id_that_was_used_for_another_command_is_refused(counter: Counter):
    counter.say(command())
    counter.say(command(), "self_test")
    counter.say(command())
    _, second, third = counter.replies(3)
    assert (second.ok, second.error) == (False, "this id was used for the command ping")
    assert (third.ok, third.repeated) == (True, True)
    assert len(counter.box.done) == 1


def test_what_the_box_cannot_do_is_told_with_its_reason(counter: Counter):
    counter.say(command(camera="nowhere"), "pause")
    (reply,) = counter.replies(1)
    assert (reply.ok, reply.error) == (False, "there is no camera 'nowhere'")


def test_what_fails_inside_is_answered_without_its_inside_and_written_down(counter: Counter):
    counter.say(command(camera="broken"), "pause")
    (reply,) = counter.replies(1)
    assert (reply.ok, reply.error) == (False, "the box failed at it; its log says why")
    (entry,) = counter.entries(1)
    assert entry.reply.error == reply.error


def test_what_was_refused_may_be_mended_and_sent_again_under_its_id(
    counter: Counter, tmp_path: Path, eventually: Eventually
):
    counter.say(command(volume=3))
    counter.say({**command("c2"), "client": "stranger"})
    counter.entries(2)
    counter.desk.stop(5)
    again = Counter(tmp_path / "audit.jsonl", eventually)
    again.say(command())
    (reply,) = again.replies(1)
    again.desk.stop(5)
    assert (reply.ok, reply.repeated) == (True, False)
    assert len(again.box.done) == 1


@pytest.mark.parametrize(
    ("payload", "name", "retained", "why"),
    [
        (command(), "ping", True, "a retained command is not executed"),
        ({**command(), "client": "stranger"}, "ping", False, "not among the clients"),
        (command(), "format_disk", False, "there is no command 'format_disk'; known: ping"),
        (command(score=1.5), "set_threshold", False, "score"),
        (command(volume=3), "ping", False, "volume"),
        ({"client": "ops", "id": "c1", "schema": "edgekit.command/9"}, "ping", False, "schema"),
        (b"[" * 4000, "ping", False, "payload"),
        (b"x" * 5000, "ping", False, "5000 bytes are too many"),
        (b"\xff\xfe", "ping", False, "payload"),
        (
            b'{"id": "c1", "client": "ops", "score": NaN}',
            "set_threshold",
            False,
            "score: Input should be a finite",
        ),
        (b'{"id": "c1", "client": "ops", "score": 1e999}', "set_threshold", False, "score: Input should be a finite"),
        ({**command(), "from": 10**30}, "replay", False, "from: Input should be less than or equal to"),
        (command(camera=["belt"]), "pause", False, "camera: Input should be a valid string"),
        (command(bundle="../../etc"), "reload_bundle", False, "bundle"),
        (command(snapshots=10**9), "teach", False, "snapshots"),
        ([command()], "ping", False, "the payload"),
    ],
)
def test_what_is_no_valid_command_is_refused_and_written_down(
    counter: Counter, payload: Any, name: str, *, retained: bool, why: str
):
    counter.say(payload, name, retained=retained)
    (entry,) = counter.entries(1)
    assert why in (entry.reply.error or "")
    assert not entry.reply.ok
    assert counter.box.done == []


@pytest.mark.parametrize("claimed", ["\ud800", "ops\n2026-11-25 done: command pause of ops", "\x1b[2J"])
def test_what_a_stranger_calls_itself_is_refused_and_forges_no_line_of_the_log(
    counter: Counter, caplog: pytest.LogCaptureFixture, claimed: str
):
    counter.say({**command(claimed), "client": claimed})
    (entry,) = counter.entries(1)
    assert (entry.client, entry.reply.id, entry.reply.ok) == (None, None, False)
    (warned,) = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert warned.isprintable()


def test_what_a_topic_calls_a_command_forges_no_line_of_the_log(counter: Counter, caplog: pytest.LogCaptureFixture):
    counter.say(command(), "ping\n2026-11-25 done: command pause of ops")
    counter.entries(1)
    (warned,) = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert warned.isprintable()


def test_a_flood_of_commands_is_not_one_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    desk = CommandDesk(Desk(TOPICS, "run-1", ("ops",)), Box().execute, AuditLog(tmp_path / "audit.jsonl"))
    payload = json.dumps(command()).encode()
    for _ in range(1000):  # before it begins to execute: nothing makes room
        desk.take(Received(LINK, TOPICS.command("ping"), payload, retained=False))
    assert len([record for record in caplog.records if "commands wait already" in record.getMessage()]) == 1
    desk.stop(5)


def test_a_flood_of_what_is_refused_leaves_the_log_and_the_audit_log_to_others(
    counter: Counter, eventually: Eventually, caplog: pytest.LogCaptureFixture
):
    for number in range(400):
        counter.say({**command(f"c{number}"), "client": "stranger"})
        eventually(lambda: counter.desk.waiting == 0)  # so that none is dropped unseen
    counter.say(command("done"))
    eventually(lambda: any(reply.id == "done" for reply in counter.replies(1)), 30)
    refused = [entry for entry in counter.entries(1) if not entry.reply.ok]
    assert 60 <= len(refused) < 120
    told = [record.getMessage() for record in caplog.records if "refused the command" in record.getMessage()]
    assert 1 <= len(told) < 40


def test_a_reply_goes_where_it_is_wished_with_what_it_has_to_carry(counter: Counter):
    counter.say(command(), response_topic="gateway/7/answers", correlation=b"\x00\x01")
    counter.replies(1)
    assert (counter.sent[0].topic, counter.sent[0].correlation) == ("gateway/7/answers", b"\x00\x01")
    assert not counter.sent[0].retain


@pytest.mark.parametrize(
    "wished",
    [
        *(TOPICS.status, TOPICS.events("gate"), TOPICS.command("ping"), TOPICS.acknowledgement("sorter", "gate")),
        *(OTHER.status, OTHER.command("ping"), OTHER.reply("ping", "ops"), "edgekit/v1/x"),
        *("a/#", "+/a", "$SYS/x", "a" * 300, ""),
    ],
)
def test_a_reply_never_speaks_in_the_name_of_this_box_or_another(counter: Counter, wished: str):
    counter.say(command("c1"), response_topic=wished)
    counter.say(command("c2"))
    (reply,) = counter.replies(1)
    assert reply.id == "c2"
    assert len(counter.entries(2)) == 2


def test_a_client_is_answered_over_a_real_broker_and_a_second_connection_finds_the_desk_too(
    port: int, make_outbox: Callable[..., Outbox], tmp_path: Path
):
    box = Box()
    desk = Desk(TOPICS, "run-1", ("ops",))
    usual, urgent = (CommandDesk(desk, box.execute, AuditLog(tmp_path / name)) for name in ("usual", "urgent"))
    hall = CommandHall(usual, urgent, {CommandName.TRIGGER})
    settings = Mqtt(port=port)
    outbox = make_outbox()
    publisher = Publisher(settings, outbox, cameras=("belt",), versions={})
    publisher.obey(hall)
    publisher.start()
    try:
        for number in range(2):
            message = CommandMessage(id=f"c{number}", client="ops")
            assert ask(settings, TOPICS, CommandName.PING, message, 10).ok
        with pytest.raises(EdgekitError, match="no reply from box box-2"):
            ask(settings, Topics("hall", "box-2"), CommandName.PING, CommandMessage(id="c9", client="ops"), 0.5)
    finally:
        publisher.stop(1)
        hall.stop(5)
    assert [message.id for _, message in box.done] == ["c0", "c1"]


def test_what_cannot_wait_is_not_held_up_by_what_takes_its_time(tmp_path: Path):
    sent: queue.Queue[Outgoing] = queue.Queue()
    goes_on = threading.Event()

    def slow(_name: CommandName, _command: CommandMessage) -> Mapping[str, Scalar]:
        goes_on.wait(30)
        return {}

    desk = Desk(TOPICS, "run-1", ("ops",))
    usual = CommandDesk(desk, slow, AuditLog(tmp_path / "usual"))
    urgent = CommandDesk(desk, Box().execute, AuditLog(tmp_path / "urgent"))
    hall = CommandHall(usual, urgent, {CommandName.TRIGGER})
    hall.start(sent.put)
    for name in ("self_test", "trigger"):
        hall.take(name, Received(LINK, TOPICS.command(name), json.dumps(command(name)).encode(), retained=False))
    assert ReplyMessage.model_validate_json(sent.get(timeout=20).payload).command == "trigger"
    goes_on.set()
    assert ReplyMessage.model_validate_json(sent.get(timeout=20).payload).command == "self_test"
    hall.stop(5)

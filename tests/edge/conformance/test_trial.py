"""The reference consumer keeps every rule of the conformance test; each wrong one is caught by the rule it breaks."""

import json
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.errors import EdgekitError
from edge.conformance.judge import Rule
from edge.conformance.scenarios import SCENARIOS, Scenario
from edge.conformance.scripted_box import Patience
from edge.conformance.trial import Verdict, try_client
from edge.mqtt.broker import EmbeddedBroker
from edge.mqtt.consumer import Consumer
from edge.mqtt.inbox import Inbox
from edge.mqtt.messages import EventMessage
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto

TOPICS = Topics("conformance", "box-1")
NAME = "sorter"
QUICK = Patience(answer_s=15.0, hold_s=0.3, client_s=30.0)
HASTY = Patience(answer_s=3.0, hold_s=0.3, client_s=20.0)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


class Client5:
    """A consumer as somebody else might write it: right but for what a subclass spoils. It reads the flat events."""

    def __init__(self, port: int) -> None:
        self.seen: dict[tuple[str, str], set[int]] = {}
        self.effects = 0
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="own", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(TOPICS.plc("+"), 1)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        camera, event = message.topic.split("/")[-2], json.loads(message.payload)
        self.take(camera, event["epoch"], event["seq"], event["oldest"])

    def take(self, camera: str, epoch: str, seq: int, oldest: int) -> None:
        seen = self.seen.setdefault((camera, epoch), set())
        if seq not in seen:
            seen.add(seq)
            self.effect(camera, epoch, seq)
        upto = oldest - 1
        while upto + 1 in seen:
            upto += 1
        self.acknowledge(camera, epoch, upto)

    def effect(self, camera: str, epoch: str, seq: int) -> None:
        report = json.dumps({"camera": camera, "epoch": epoch, "seq": seq})
        self._client.publish(f"{TOPICS.root}/effects/{NAME}", report, qos=1)

    def acknowledge(self, camera: str, epoch: str, upto: int) -> None:
        payload = json.dumps({"epoch": epoch, "upto": upto})
        self._client.publish(TOPICS.acknowledgement(NAME, camera), payload, qos=1, retain=True)


class Newest(Client5):
    """Acknowledges the highest number that it has seen."""

    def acknowledge(self, camera: str, epoch: str, upto: int) -> None:
        super().acknowledge(camera, epoch, max(upto, *self.seen[camera, epoch]))


class Twice(Client5):
    """Lets every event take effect, however often it comes."""

    def take(self, camera: str, epoch: str, seq: int, oldest: int) -> None:
        if seq in self.seen.get((camera, epoch), ()):
            self.effect(camera, epoch, seq)
        super().take(camera, epoch, seq, oldest)


class FirstEpochOnly(Client5):
    """Keeps the epoch that it learnt first."""

    epoch = ""

    def acknowledge(self, camera: str, epoch: str, upto: int) -> None:
        self.epoch = self.epoch or epoch
        super().acknowledge(camera, self.epoch, upto)


class Silent(Client5):
    """Stops to acknowledge what comes after a gap."""

    def acknowledge(self, camera: str, epoch: str, upto: int) -> None:
        if upto <= 8:
            super().acknowledge(camera, epoch, upto)


class Forgetful(Client5):
    """Acknowledges every third event without letting it take effect."""

    def effect(self, camera: str, epoch: str, seq: int) -> None:
        if seq % 3:
            super().effect(camera, epoch, seq)


class KeepsNumbers(Client5):
    """Acknowledges with plain numbers, and lets the broker keep them."""

    def acknowledge(self, camera: str, epoch: str, upto: int) -> None:
        del epoch
        self._client.publish(TOPICS.acknowledgement(NAME, camera), str(upto), qos=1, retain=True)


class Haunted(Client5):
    """Takes what the broker kept for an event, and reads the events with all that is in them."""

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if message.payload:  # an empty one only clears what was retained
            camera, event = message.topic.split("/")[-2], json.loads(message.payload)
            self.take(camera, event["epoch"], event["seq"], 1)

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._client.subscribe(TOPICS.events("+"), 1)


def tried(
    port: int, make: Callable[[int], Client5], patience: Patience = HASTY, scenarios: Sequence[Scenario] = SCENARIOS
) -> Verdict:
    running: list[Client5] = []
    try:
        settings = Mqtt(port=port)

        def ready() -> None:
            running.append(make(port))

        return try_client(settings, TOPICS, NAME, patience=patience, ready=ready, scenarios=scenarios)
    finally:
        for client in running:
            client.close()


def test_the_reference_consumer_keeps_every_rule(mosquitto: "Mosquitto", tmp_path: Path) -> None:
    port = mosquitto.port
    report, stop, threads = tmp_path / "effects.jsonl", threading.Event(), list[threading.Thread]()

    def effect(_connection: sqlite3.Connection, event: EventMessage) -> None:
        with report.open("a") as file:
            file.write(json.dumps({"camera": event.camera, "epoch": event.epoch, "seq": event.seq}) + "\n")

    def consume() -> None:
        with Inbox(tmp_path / "inbox.sqlite", effect) as inbox:
            Consumer(Mqtt(port=port), TOPICS, NAME, inbox).run(stop)

    def ready() -> None:
        threads.append(threading.Thread(target=consume))
        threads[0].start()

    try:
        verdict = try_client(Mqtt(port=port), TOPICS, NAME, patience=QUICK, effects=report, ready=ready)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert verdict.faults == ()
    assert verdict.effects_checked
    assert len(verdict.scenarios) == 8


def test_the_command_passes_another_consumer_that_reads_the_flat_events() -> None:
    command = [sys.executable, "-m", "edge", "conformance", "--consumer", NAME, "--json", "--client-s", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("start your client now"))
        place = re.search(r"broker 127\.0\.0\.1:(\d+), events on (\S+)", line)
        assert place is not None
        assert place[2] == TOPICS.events("+")
        client = Client5(int(place[1]))
        try:
            verdict = json.loads(process.stdout.read())
        finally:
            client.close()
    assert (process.returncode, verdict["passed"], verdict["faults"]) == (0, True, [])
    assert verdict["effects_checked"]
    assert len(verdict["scenarios"]) == 8


@pytest.mark.parametrize(
    ("make", "rule", "scenario"),
    [
        (Newest, Rule.BEYOND_GAP, "gap"),
        (Twice, Rule.EFFECT_TWICE, "live"),
        (FirstEpochOnly, Rule.OTHER_EPOCH, "new epoch"),
        (Silent, Rule.NOT_ACKNOWLEDGED, "gap"),
        (Forgetful, Rule.EFFECT_MISSING, "live"),
        pytest.param(KeepsNumbers, Rule.RETAINED_NUMBER, "void state", marks=pytest.mark.long),
        (Haunted, Rule.RETAINED_EVENT, "first contact"),
    ],
)
def test_a_wrong_consumer_is_caught_by_the_rule_that_it_breaks(
    broker: EmbeddedBroker, make: Callable[[int], Client5], rule: Rule, scenario: str
) -> None:
    names = [known.name for known in SCENARIOS]
    played = SCENARIOS[: names.index(scenario) + 1 if scenario in names else 1]
    verdict = tried(broker.port, make, scenarios=played)
    where = {scenario, played[-1].name}  # on a slow machine a fault of the first contact is seen a moment later
    assert rule in {fault.rule for fault in verdict.faults if fault.scenario in where}


def test_a_client_that_is_not_there_is_told_where_it_should_be_heard(broker: EmbeddedBroker) -> None:
    with pytest.raises(EdgekitError, match=r"no valid acknowledgement on .*/ack/sorter/belt within 0\.5 s: does the"):
        try_client(Mqtt(port=broker.port), TOPICS, NAME, patience=Patience(client_s=0.5))

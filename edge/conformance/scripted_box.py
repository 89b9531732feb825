"""A box that sends what a script says, over a real broker, and hears what a consumer makes of it."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from edge.conformance.judge import Judge
from edge.conformance.scripted_run import ScriptedRun
from edge.mqtt.clock import utc_now
from edge.mqtt.link import Link, Outgoing, Received
from edge.mqtt.messages import CameraPosition, EventMessage
from edge.mqtt.plc import plc_message
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics

CAMERAS = ("belt", "dock")
GHOST = "ghost"  # a camera that sends nothing but one retained event
AGAIN_S = 2.0
_WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a script waits.

    Attributes:
        answer_s: Seconds for an acknowledgement that is due.
        hold_s: Seconds in which one that is wrong gets its chance to come.
        client_s: Seconds for the client's very first acknowledgement.
    """

    answer_s: float = 10.0
    hold_s: float = 1.0
    client_s: float = 60.0


class ScriptedBox:
    """Plays a box for one consumer, from `open` to `close`. Events go out on `events` and, flat, on `plc`.

    Args:
        settings: The broker.
        topics: Whose box it plays.
        consumer: The one that is tested.
        judge: What it says is held against.
        patience: How long to wait.
        effects: A file to which the client reports its effects, a line each; None where it does not.
    """

    def __init__(
        self, settings: Mqtt, topics: Topics, consumer: str, judge: Judge, patience: Patience, effects: Path | None
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._consumer = consumer
        self._judge = judge
        self.patience = patience
        self._effects_file = effects
        self._effects_read = 0
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._listener: Link | None = None
        self._run = ScriptedRun(topics, "", "")
        self._events: dict[tuple[str, int], EventMessage] = {}
        self._lost: dict[str, set[int]] = {}

    @property
    def epoch(self) -> str:
        """Of what it sends; empty before the first scenario."""
        return self._run.epoch

    @property
    def effects_topic(self) -> str:
        """Where the client may report its effects."""
        return f"{self._topics.root}/effects/{self._consumer}"

    def start(self, scenario: str, *, new_epoch: bool = False) -> None:
        """Begin a scenario, with a new epoch where asked for."""
        if new_epoch or not self.epoch:
            self._run = replace(self._run, epoch=uuid4().hex)
            self._events.clear()
            self._lost.clear()
        with self._lock:
            self._judge.begin(scenario, self.epoch)

    def connect(self) -> None:
        """Come online as a new run.

        Raises:
            EdgekitError: The broker cannot be reached, or refuses.
        """
        self._run = self._run.successor()
        will = self._run.will()
        client_id = f"edgekit.{self._topics.site}.{self._topics.box}"
        self._link = Link.open(self._settings, client_id, will, self._hear)
        self._link.subscribe(self._topics.acknowledgements(self._consumer))
        if self._listener is None:  # beside the box's own, which crashes: no report may get lost with it
            self._listener = Link.open(self._settings, f"edgekit.conformance.{uuid4().hex[:8]}", None, self._hear)
            self._listener.subscribe(self.effects_topic)
        self.tell()

    def crash(self) -> None:
        """Lose the connection without a farewell."""
        if self._link is not None:
            self._link.abort()
            self._link = None

    def close(self) -> None:
        """Clear what was retained, and go."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._link is None:
            return
        for topic in (self._topics.status, self._topics.events(GHOST)):
            self._link.publish(Outgoing(topic, b"", retain=True))
        self._link.close()
        self._link = None

    def tell(self) -> None:
        """Publish the box's status."""
        self._publish(self._run.online({camera: self._position(camera) for camera in CAMERAS}))

    def tell_of_an_older_run(self) -> None:
        """Publish the last will of a run that is long over, as a broker does that notices late."""
        self._publish(ScriptedRun(self._topics, "an-older-run", "an-older-epoch").will())

    def haunt(self) -> None:
        """Leave an event of a camera that does not exist with the broker, retained."""
        ghost = self._run.event(GHOST, 1)
        self._publish(Outgoing(self._topics.events(GHOST), ghost.to_json().encode(), retain=True))

    def send(
        self, camera: str, seqs: Iterable[int], *, replayed: bool = False, late: bool = False, lost: Iterable[int] = ()
    ) -> None:
        """Send events; one that was sent before is the same event again."""
        spans = tuple((seq, seq) for seq in lost)
        for seq in seqs:
            known = self._events.get((camera, seq))
            event = known or self._run.event(camera, seq, spans)
            event = event.model_copy(
                update={"replayed": replayed, "late": event.late or late, "published_at": utc_now()}
            )
            self._events[camera, seq] = event
            with self._lock:
                self._judge.sent(camera, seq, [first for first, _ in spans])
                self._lost.setdefault(camera, set()).update(first for first, _ in spans)
            self._send_both(event)

    def expect_all(self, *cameras: str, within_s: float | None = None) -> bool:
        """Wait until all that is whole is acknowledged, sending it again meanwhile as a box does.

        Returns:
            Whether it was in time; where it was not the judge knows.
        """
        end_s = time.monotonic() + (within_s or self.patience.answer_s)
        again_s = time.monotonic() + AGAIN_S
        while waiting := [camera for camera in cameras if self._lacks(camera)]:
            if time.monotonic() >= end_s:
                with self._lock:
                    for camera in waiting:
                        self._judge.overdue(camera)
                return False
            if time.monotonic() >= again_s:
                self.tell()
                for camera in waiting:
                    self._send_again(camera)
                again_s += AGAIN_S
            self._read_effects()
            time.sleep(_WAIT_S)
        return True

    def settle(self) -> None:
        """End a scenario: let the judge see that what was acknowledged has had its effect."""
        self.hold()
        with self._lock:
            self._judge.settle()

    def hold(self) -> None:
        """Give a wrong acknowledgement its chance to come."""
        time.sleep(self.patience.hold_s)
        self._read_effects()

    def look_at_what_is_kept(self) -> None:
        """Hear, over a connection of its own, what acknowledgements the broker keeps."""
        link = Link.open(self._settings, f"edgekit.conformance.{uuid4().hex[:8]}", None, self._hear_kept)
        link.subscribe(self._topics.acknowledgements(self._consumer))
        time.sleep(self.patience.hold_s)
        link.close()

    def _lacks(self, camera: str) -> bool:
        with self._lock:
            return self._judge.upto(camera) < self._judge.whole(camera)

    def _send_again(self, camera: str) -> None:
        with self._lock:
            upto = self._judge.upto(camera)
        seqs = sorted(seq for known, seq in self._events if known == camera and seq > upto)
        for seq in seqs:
            event = self._events[camera, seq].model_copy(update={"replayed": True, "published_at": utc_now()})
            self._send_both(event)

    def _send_both(self, event: EventMessage) -> None:
        """Send an event, and its flat form after it."""
        camera = event.camera
        flat = plc_message(event, self._oldest(camera))
        self._publish(Outgoing(self._topics.events(camera), event.to_json().encode()))
        self._publish(Outgoing(self._topics.plc(camera), flat.to_json().encode()))

    def _oldest(self, camera: str) -> int:
        """Return the smallest seq that a box would still hold: not acknowledged, and not lost."""
        with self._lock:
            oldest = self._judge.upto(camera) + 1
        while oldest in self._lost.get(camera, ()):
            oldest += 1
        return oldest

    def _publish(self, message: Outgoing) -> None:
        if self._link is not None:
            self._link.publish(message)

    def _hear(self, signal: object) -> None:
        if not isinstance(signal, Received) or not signal.payload:
            return
        with self._lock:
            if signal.topic == self.effects_topic:
                self._judge.effect(signal.payload)
                return
        place = self._topics.acknowledged_by(signal.topic)
        if place is None or signal.retained:  # kept from before this connection: it was heard then
            return
        self._read_effects()
        with self._lock:
            self._judge.acknowledged(place[1], signal.payload)

    def _hear_kept(self, signal: object) -> None:
        if isinstance(signal, Received) and signal.retained and signal.payload:
            place = self._topics.acknowledged_by(signal.topic)
            if place is not None and signal.payload.strip().isdigit():
                with self._lock:
                    self._judge.acknowledged(place[1], signal.payload, kept=True)

    def _read_effects(self) -> None:
        """Take the lines that the client has finished since the last look at its file."""
        if self._effects_file is None:
            return
        with self._lock:
            try:
                content = self._effects_file.read_bytes()
            except OSError:
                return  # it is not there yet
            whole = content.rfind(b"\n") + 1
            for line in content[self._effects_read : whole].splitlines():
                self._judge.effect(line)
            self._effects_read = max(self._effects_read, whole)

    def _position(self, camera: str) -> CameraPosition:
        last = max((seq for known, seq in self._events if known == camera), default=0)
        oldest = self._oldest(camera)
        return CameraPosition(last_seq=last, oldest_unacknowledged=oldest if oldest <= last else None)

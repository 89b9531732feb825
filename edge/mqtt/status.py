"""What a box tells about itself in its retained topics."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge.mqtt.acknowledgements import Acknowledgements
from edge.mqtt.clock import Clock
from edge.mqtt.link import Outgoing, Received
from edge.mqtt.messages import BoxState, CameraState, CameraStatusMessage, LookCounts, StatusMessage, SwapMessage
from edge.mqtt.outbox import Outbox
from edge.mqtt.shelf_messages import ShelfMessage
from edge.mqtt.topics import Topics

_NEARLY_FULL = 0.8
_BLIND = (CameraState.STALLED, CameraState.RECONNECTING)


@dataclass(frozen=True, slots=True)
class Configured:
    """Names of all cameras, and camera and zone of all shelves, that the configuration has."""

    cameras: tuple[str, ...]
    shelves: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Condition:
    """What the running parts say of themselves.

    Attributes:
        score_threshold: Below which no detection counts, None where no model runs.
        alarms: What is wrong, for a person.
        classifier_digest: Of the classifier in use, None where there is none.
        looks: By who looks at crops.
    """

    score_threshold: float | None = None
    alarms: tuple[str, ...] = ()
    classifier_digest: str | None = None
    looks: Mapping[str, LookCounts] = field(default_factory=dict[str, LookCounts])


class StatusBoard:
    """The newest status of the box, its cameras and its shelves, as retained messages. Used by one thread."""

    def __init__(
        self,
        topics: Topics,
        outbox: Outbox,
        acknowledgements: Acknowledgements,
        configured: Configured,
        versions: Mapping[str, str],
    ) -> None:
        self._topics = topics
        self._outbox = outbox
        self._acknowledgements = acknowledgements
        self._configured = configured
        self._versions = dict(versions)
        self._cameras: dict[str, CameraStatusMessage] = {}
        self._shelves: dict[tuple[str, str], ShelfMessage] = {}
        self._swap: SwapMessage | None = None
        self.condition: Callable[[], Condition] = Condition
        self._state: BoxState | None = None
        self._since: datetime | None = None

    def put(self, told: CameraStatusMessage | ShelfMessage | SwapMessage) -> tuple[Outgoing, ...]:
        """Keep what is new of a camera, a shelf or the model, and return its own message, where it has one."""
        match told:
            case SwapMessage():
                self._swap = told
                return ()
            case ShelfMessage():
                self._shelves[told.camera, told.zone] = told
                return (self._shelf_message(told),)
            case CameraStatusMessage():
                self._cameras[told.camera] = told
                return (self._camera_message(told),)

    def all(self, clock: Clock) -> Iterator[Outgoing]:
        """Return every retained message in the order of sending: the box's, cameras', shelves', and what clears others.

        A camera that the outbox knows and the configuration no longer has gets an empty message, which removes it.
        """
        yield self.box(clock)
        for camera in self._cameras.values():
            yield self._camera_message(camera)
        for shelf in self._shelves.values():
            yield self._shelf_message(shelf)
        for name in self._outbox.positions():
            if name not in self._configured.cameras:
                yield Outgoing(self._topics.camera_status(name), b"", retain=True)

    def outlived(self, message: Received) -> Iterator[Outgoing]:
        """Return what clears the shelf that the broker still tells of, where the configuration no longer has it.

        The broker alone knows: the outbox, which remembers cameras, may have been lost since.
        """
        shelf = self._topics.shelf_of(message.topic)
        if message.retained and shelf is not None and shelf not in self._configured.shelves:
            yield Outgoing(message.topic, b"", retain=True)

    def box(self, clock: Clock) -> Outgoing:
        """Return the box's own status: degraded while a camera that should see does not, or once events were lost."""
        blind = [camera for camera in self._cameras.values() if camera.state in _BLIND]
        reasons = [f"camera {camera.camera} is {camera.state.value}" for camera in blind]
        if self._outbox.discarded:
            reasons.append(f"{self._outbox.discarded} events were discarded undelivered{self._who_is_behind()}")
        elif self._outbox.filled >= _NEARLY_FULL:
            reasons.append(f"the outbox is full to {self._outbox.filled:.0%}{self._who_is_behind()}")
        if self._outbox.set_aside is not None:
            reasons.append(f"the outbox was corrupt and is kept as {self._outbox.set_aside}: a new epoch began")
        reasons += self.condition().alarms
        return self._own(clock, BoxState.DEGRADED if reasons else BoxState.ONLINE, "; ".join(reasons) or None)

    def _who_is_behind(self) -> str:
        acknowledged = self._outbox.acknowledged()
        if not acknowledged:
            return ", since the broker was away or refused them"
        slowest = min(acknowledged, key=lambda consumer: sum(acknowledged[consumer].values()))
        return f", since consumer {slowest} did not acknowledge them"

    def farewell(self, clock: Clock) -> Outgoing:
        """Return the status that a clean stop leaves behind."""
        return self._own(clock, BoxState.OFFLINE, "stopped")

    def will(self) -> Outgoing:
        """Return the status that the broker publishes in the box's place."""
        return self._message(
            StatusMessage(
                site=self._topics.site,
                box=self._topics.box,
                run_id=self._outbox.origin.run_id,
                state=BoxState.OFFLINE,
                reason="connection lost",
                since=None,
                published_at=None,
                versions=self._versions,
                model_digest=self._outbox.origin.model_digest,
                engine=self._outbox.origin.engine,
                epoch=self._outbox.epoch,
                outbox_depth=None,
                cameras={},
                consumers={},
                refused_acknowledgements=None,
            )
        )

    def _own(self, clock: Clock, state: BoxState, reason: str | None) -> Outgoing:
        now, condition = clock.utc(), self.condition()
        if state is not self._state:
            self._state, self._since = state, now
        return self._message(
            StatusMessage(
                site=self._topics.site,
                box=self._topics.box,
                run_id=self._outbox.origin.run_id,
                state=state,
                reason=reason,
                since=self._since,
                published_at=now,
                versions=self._versions,
                model_digest=self._outbox.origin.model_digest,
                engine=self._outbox.origin.engine,
                swap=self._swap,
                classifier_digest=condition.classifier_digest,
                looks=condition.looks,
                score_threshold=condition.score_threshold,
                epoch=self._outbox.epoch,
                outbox_depth=self._outbox.depth,
                cameras=self._outbox.positions(),
                consumers=self._outbox.acknowledged(),
                refused_acknowledgements=self._acknowledgements.refused,
            )
        )

    def _message(self, status: StatusMessage) -> Outgoing:
        return Outgoing(self._topics.status, status.to_json().encode(), retain=True)

    def _camera_message(self, camera: CameraStatusMessage) -> Outgoing:
        return Outgoing(self._topics.camera_status(camera.camera), camera.to_json().encode(), retain=True)

    def _shelf_message(self, shelf: ShelfMessage) -> Outgoing:
        return Outgoing(self._topics.shelf(shelf.camera, shelf.zone), shelf.to_json().encode(), retain=True)

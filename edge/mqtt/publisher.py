"""The one publisher of a box, as its other parts see it: they say what happened, and `Delivery` acts on it.

All that happens (a commit, a new camera status, an answer of the broker, a stop) is a signal in one queue, and one
thread acts on it; so nothing but that queue and the outbox is shared between threads.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from devices.errors import EdgekitError
from edge.mqtt.acknowledgements import Acknowledgements
from edge.mqtt.clock import SYSTEM_CLOCK, Clock
from edge.mqtt.commands import CommandHall
from edge.mqtt.delivery import FAREWELL_S, Delivery, Office
from edge.mqtt.event_table import Span
from edge.mqtt.home_assistant import Discovery
from edge.mqtt.login import read_login
from edge.mqtt.messages import CameraStatusMessage, SwapMessage
from edge.mqtt.outbox import Outbox
from edge.mqtt.pace import Pace
from edge.mqtt.section import Mqtt
from edge.mqtt.shelf_messages import ShelfMessage
from edge.mqtt.signals import Again, Committed, Reply, Signals, Stop
from edge.mqtt.status import Condition, Configured, StatusBoard
from edge.mqtt.topics import Topics

_log = logging.getLogger(__name__)


class Publisher:
    """Brings a box's events and statuses to the broker, from `start` to `stop`.

    Args:
        settings: The broker.
        outbox: Where events come from; its origin says whose they are.
        cameras: Names of all cameras in the configuration; retained topics of others are cleared.
        shelves: Camera and zone of all shelves in the configuration; likewise.
        versions: Software by name and version, told in the status.
        clock: Where times come from.
        pace: Times and bounds.
    """

    def __init__(
        self,
        settings: Mqtt,
        outbox: Outbox,
        *,
        cameras: Sequence[str],
        versions: Mapping[str, str],
        clock: Clock = SYSTEM_CLOCK,
        pace: Pace | None = None,
        shelves: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._cameras = tuple(cameras)
        self._clock = clock
        topics = Topics(outbox.origin.site, outbox.origin.box)
        acknowledgements = Acknowledgements(outbox, topics)
        configured = Configured(self._cameras, frozenset(shelves))
        self._board = StatusBoard(topics, outbox, acknowledgements, configured, versions)
        self._signals = Signals()
        office = Office(settings, outbox, topics, acknowledgements, self._board)
        self._delivery = Delivery(office, self._signals, clock, pace or Pace())
        self._thread = threading.Thread(target=self._delivery.run, name="mqtt-publisher", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted a connection that still stands."""
        return self._delivery.link is not None

    def watch(self, condition: Callable[[], Condition]) -> None:
        """Let the box's status tell what the running parts say of themselves; before `start`."""
        self._board.condition = condition

    def show_in(self, discovery: Discovery) -> None:
        """Let Home Assistant know of the box; call it before `start`."""
        self._delivery.discovery = discovery

    def obey(self, commands: CommandHall) -> None:
        """Take commands and bring their answers; call it before `start`."""
        self._delivery.commands = commands

    def start(self) -> None:
        """Begin to connect and publish; with `at_start = "require"` wait until the broker has accepted.

        Raises:
            EdgekitError: The settings are wrong, or the broker is required and cannot be reached or refuses.
        """
        read_login(self._settings)
        if self._settings.protocol == "3.1.1" and not self._outbox.consumers:
            _log.warning("over MQTT 3.1.1 the broker also acknowledges what it drops: name consumers in [mqtt]")
        self._outbox.register_cameras(self._cameras)
        if self._delivery.commands is not None:
            self._delivery.commands.start(lambda message: self._signals.put(Reply(message)))
        self._thread.start()
        if self._settings.at_start == "require":
            failure = self._delivery.first_attempt.get()
            if failure is not None:
                self._thread.join()
                raise EdgekitError(str(failure)) from failure

    def notify(self) -> None:
        """Say that events were committed."""
        self._signals.put(Committed())

    def replay(self, span: Span) -> None:
        """Send delivered events of a span again where there is a connection; who asked over a lost one asks again."""
        self._signals.put(Again(span))

    def set_camera_status(self, status: CameraStatusMessage) -> None:
        """Publish a camera's status now, and anew after each reconnect."""
        self._signals.put(status)

    def set_shelf(self, shelf: ShelfMessage) -> None:
        """Publish what stands in a shelf zone now, and anew after each reconnect."""
        self._signals.put(shelf)

    def offer(self, topic: str, payload: bytes) -> bool:
        """Send something that may get lost, at QoS 0, past the queue; return whether it went.

        It goes over the connection that stands, from the caller's thread, and nowhere where there is none.
        """
        link = self._delivery.link
        return link is not None and link.offer(topic, payload)

    def set_swap(self, swap: SwapMessage) -> None:
        """Tell in the box's status now how far an exchange of the model has come."""
        self._signals.put(swap)

    def stop(self, drain_timeout_s: float) -> int:
        """Publish what the outbox holds, then `offline`, then disconnect.

        Args:
            drain_timeout_s: Seconds after which the rest stays in the outbox for the next run.

        Returns:
            Events that stay in the outbox.
        """
        if self._thread.is_alive():
            self._signals.put(Stop(self._clock.monotonic() + drain_timeout_s))
            self._thread.join(drain_timeout_s + 2 * self._settings.connect_timeout_s + 2 * FAREWELL_S)
        if self._thread.is_alive():
            _log.error("the publisher did not end in time; the process may end all the same, the outbox is durable")
        return self._outbox.depth

"""The one publisher of a box: connects, tells the status, and brings what the outbox holds to the broker.

All that happens (a commit, a new camera status, an answer of the broker, a stop) is a signal in one queue, and one
thread acts on it; so nothing but that queue and the outbox is shared between threads.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue

from devices.errors import EdgekitError
from edge.mqtt.acknowledgements import Acknowledgements
from edge.mqtt.clock import SYSTEM_CLOCK, Clock
from edge.mqtt.commands import CommandHall
from edge.mqtt.event_table import Span
from edge.mqtt.home_assistant import Discovery
from edge.mqtt.link import Acknowledged, Closed, Link, Received
from edge.mqtt.login import read_login
from edge.mqtt.messages import CameraStatusMessage, SwapMessage
from edge.mqtt.outbox import Outbox
from edge.mqtt.pace import Pace
from edge.mqtt.section import Mqtt
from edge.mqtt.session import Session
from edge.mqtt.shelf_messages import ShelfMessage
from edge.mqtt.signals import Again, Committed, Reply, Signal, Signals, Stop
from edge.mqtt.status import Condition, Configured, StatusBoard
from edge.mqtt.tls import clock_is_implausible
from edge.mqtt.topics import Topics

_log = logging.getLogger(__name__)

_FAREWELL_S = 2.0


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
        commands: Where commands go; None where the box takes none.
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
        commands: CommandHall | None = None,
        shelves: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._cameras = tuple(cameras)
        self._clock = clock
        self._pace = pace or Pace()
        self._commands = commands
        self._topics = Topics(outbox.origin.site, outbox.origin.box)
        self._acknowledgements = Acknowledgements(outbox, self._topics)
        configured = Configured(self._cameras, frozenset(shelves))
        self._board = StatusBoard(self._topics, outbox, self._acknowledgements, configured, versions)
        self._signals = Signals()
        self._first_attempt: SimpleQueue[EdgekitError | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._main, name="mqtt-publisher", daemon=True)
        self._link: Link | None = None
        self._discovery: Discovery | None = None
        self._connected = threading.Event()
        self._accepted = False
        self._stop_s: float | None = None
        self._said_farewell = False

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted a connection that still stands."""
        return self._connected.is_set()

    def watch(self, condition: Callable[[], Condition]) -> None:
        """Let the box's status tell what the running parts say of themselves; before `start`."""
        self._board.condition = condition

    def show_in(self, discovery: Discovery) -> None:
        """Let Home Assistant know of the box; call it before `start`."""
        self._discovery = discovery

    def start(self) -> None:
        """Begin to connect and publish; with `at_start = "require"` wait until the broker has accepted.

        Raises:
            EdgekitError: The settings are wrong, or the broker is required and cannot be reached or refuses.
        """
        read_login(self._settings)
        if self._settings.protocol == "3.1.1" and not self._outbox.consumers:
            _log.warning("over MQTT 3.1.1 the broker also acknowledges what it drops: name consumers in [mqtt]")
        self._outbox.register_cameras(self._cameras)
        if self._commands is not None:
            self._commands.start(lambda message: self._signals.put(Reply(message)))
        self._thread.start()
        if self._settings.at_start == "require":
            failure = self._first_attempt.get()
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
        link = self._link
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
            self._thread.join(drain_timeout_s + 2 * self._settings.connect_timeout_s + 2 * _FAREWELL_S)
        if self._thread.is_alive():
            _log.error("the publisher did not end in time; the process may end all the same, the outbox is durable")
        return self._outbox.depth

    def _main(self) -> None:
        failures = 0
        while not self._ran_to_the_end():
            self._idle(self._pace.delay_s(failures))
            failures += 1

    def _ran_to_the_end(self) -> bool:
        """Connect and publish; return whether that is over, or has to begin anew after a fault."""
        try:
            self._run()
        except Exception as exc:  # noqa: BLE001 - the top of the thread
            _log.exception("the publisher failed: %s", exc)
            return self._gave_up(EdgekitError(f"the publisher failed: {exc}"))
        return True

    def _gave_up(self, failure: EdgekitError) -> bool:
        """Hand the failure of a required first attempt to `start`; return False where the publisher goes on."""
        if self._accepted or self._settings.at_start != "require":
            return False
        self._first_attempt.put(failure)
        return True

    def _run(self) -> None:
        """Connect again and again, until there is nothing more to do or the first required attempt has failed."""
        failures = 0
        client_id = f"edgekit.{self._topics.site}.{self._topics.box}"
        self._await_plausible_clock()
        while not self._finished():
            try:
                link = Link.open(self._settings, client_id, self._board.will(), self._signals.put)
            except EdgekitError as exc:
                if self._gave_up(exc):
                    return
                delay = self._pace.delay_s(failures)
                _log.warning("%s; trying again in %.1f s, %d events wait", exc, delay, self._outbox.depth)
                failures += 1
            else:
                _log.info("connected to the broker at %s:%d", self._settings.host, self._settings.port)
                self._serve(link)
                failures, delay = 0, self._pace.delay_s(0)
            self._idle(delay)

    def _await_plausible_clock(self) -> None:
        """Wait, bounded, for a clock by which certificates can hold; without a battery it begins long ago."""
        end_s = self._clock.monotonic() + self._pace.clock_s
        told = False
        while clock_is_implausible(self._settings.tls, self._clock.utc()) and self._clock.monotonic() < end_s:
            if not told:
                _log.warning(
                    "this host's clock says %s: mutual TLS waits up to %g s until it is set",
                    self._clock.utc().date(),
                    self._pace.clock_s,
                )
                told = True
            self._idle(min(1.0, self._pace.clock_s / 10))
            if self._stop_s is not None:
                return

    def _serve(self, link: Link) -> None:
        """Act on signals until the connection ends or a stop is done."""
        flat = frozenset(self._settings.plc)
        session = Session(link, self._outbox, self._topics, self._acknowledgements, self._clock, self._pace, flat)
        try:
            if self._commands is not None:
                link.subscribe(self._topics.commands)
            for message in self._board.all(self._clock):
                session.retain(message)
            if not self._apply(self._signals.take(0.0), session):
                return
            session.fill(events=False)
            if self._discovery is not None:
                link.subscribe(self._discovery.filter)
                for message in self._discovery.all():
                    session.retain(message)
            link.subscribe(self._topics.shelves)  # to hear which ones the broker keeps that nobody has any more
            self._link = link
            self._connected.set()
            self._accepted = True
            self._first_attempt.put(None)
            self._pump(session)
        finally:
            self._connected.clear()
            self._link = None
            link.abort()

    def _pump(self, session: Session) -> None:
        status_s = self._clock.monotonic() + self._pace.status_every_s
        while True:
            now = self._clock.monotonic()
            if now >= status_s:
                session.retain(self._board.box(self._clock))
                status_s = now + self._pace.status_every_s
            session.fill()
            if self._stop_s is not None and (session.drained or self._overdue()):
                self._farewell(session)
                self._said_farewell = True
                return
            if session.stalled:
                _log.warning("the broker acknowledged nothing for %g s: connecting anew", self._pace.stall_s)
                return
            wake_s = min(time for time in (status_s, session.due_s, self._stop_s) if time is not None)
            if not self._apply(self._signals.take(wake_s - now), session):
                return
            session.settle()

    def _farewell(self, session: Session) -> None:
        session.retain(self._board.farewell(self._clock))
        end_s = self._clock.monotonic() + _FAREWELL_S
        while not session.quiet and (left := end_s - self._clock.monotonic()) > 0:
            session.fill(events=False)
            if not self._apply(self._signals.take(left), session):
                break
        session.settle(at_once=True)
        session.link.close()

    def _apply(self, signals: Sequence[Signal], session: Session | None = None) -> bool:
        """Act on signals; return False where the session's connection has ended."""
        alive = True
        for signal in signals:
            match signal:
                case Acknowledged(link=link) if session is not None and link is session.link:
                    session.acknowledge(signal)
                case Received(link=link) if session is not None and link is session.link:
                    self._receive(signal, session)
                case Reply(message=message) if session is not None:
                    session.reply(message)
                case Again(span=span) if session is not None:
                    session.ask(span)
                case Closed(link=link, reason=reason) if session is not None and link is session.link:
                    _log.warning("the connection to the broker ended (%s)%s", reason, _hint(reason))
                    alive = False
                case CameraStatusMessage() | ShelfMessage() | SwapMessage():
                    self._tell(signal, session)
                case Stop(at_s=at_s):
                    self._stop_s = at_s
                case _:
                    pass  # of a connection that is gone, or a commit, which the next fill finds by itself
        if not alive and session is not None:
            session.settle(at_once=True)
        return alive

    def _tell(self, news: CameraStatusMessage | ShelfMessage | SwapMessage, session: Session | None) -> None:
        own = [*self._board.put(news)]
        if self._discovery is not None and isinstance(news, ShelfMessage):
            own += self._discovery.learn(news)
        if session is not None:
            for message in (*own, self._board.box(self._clock)):
                session.retain(message)

    def _receive(self, message: Received, session: Session) -> None:
        name = self._topics.command_of(message.topic)
        if self._commands is not None and name is not None:
            self._commands.take(name, message)
        elif self._topics.shelf_of(message.topic) is not None:
            for cleared in self._board.outlived(message):
                session.retain(cleared)
        elif self._discovery is not None and self._discovery.owns(message.topic):
            for cleared in self._discovery.outlived(message):
                session.retain(cleared)
        else:
            session.receive(message)

    def _idle(self, seconds: float) -> None:
        """Wait between two attempts, or until a stop is asked for."""
        end_s = self._clock.monotonic() + seconds
        while not self._finished() and (left := end_s - self._clock.monotonic()) > 0:
            self._apply(self._signals.take(left))

    def _finished(self) -> bool:
        """Whether a stop was asked for and nothing is left to send, or no time; consumers are not waited for."""
        return self._stop_s is not None and (self._said_farewell or self._outbox.depth == 0 or self._overdue())

    def _overdue(self) -> bool:
        return self._stop_s is not None and self._clock.monotonic() >= self._stop_s


def _hint(reason: str) -> str:
    if reason.startswith("Session taken over"):
        return ": another client has this box's client id; is a second box configured with the same site and name?"
    return ""

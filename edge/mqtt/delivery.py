"""What the publisher's thread does: one connection after the other, over which it brings the outbox to the broker."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from devices.errors import EdgekitError
from edge.mqtt.acknowledgements import Acknowledgements
from edge.mqtt.clock import Clock
from edge.mqtt.commands import CommandHall
from edge.mqtt.home_assistant import Discovery
from edge.mqtt.link import Acknowledged, Closed, Link, Received
from edge.mqtt.messages import CameraStatusMessage, SwapMessage
from edge.mqtt.outbox import Outbox
from edge.mqtt.pace import Pace
from edge.mqtt.section import Mqtt
from edge.mqtt.session import Session
from edge.mqtt.shelf_messages import ShelfMessage
from edge.mqtt.signals import Again, Reply, Signal, Signals, Stop
from edge.mqtt.status import StatusBoard
from edge.mqtt.tls import clock_is_implausible
from edge.mqtt.topics import Topics

_log = logging.getLogger(__name__)

FAREWELL_S = 2.0


@dataclass(frozen=True, slots=True)
class Office:
    """What is delivered, whose it is, and where it goes.

    Attributes:
        settings: The broker.
        outbox: Where events come from.
        topics: Of the box.
        acknowledgements: How far consumers have come.
        board: What is retained.
    """

    settings: Mqtt
    outbox: Outbox
    topics: Topics
    acknowledgements: Acknowledgements
    board: StatusBoard


class Delivery:
    """Connects, tells the statuses, and publishes; all in the one thread that calls `run`.

    Args:
        office: What is delivered, and where.
        signals: What happens.
        clock: Where times come from.
        pace: Times and bounds.

    Attributes:
        commands: Where commands go, None where the box takes none; set before `run`.
        discovery: How Home Assistant gets to know of the box, None where it does not; likewise.
        first_attempt: Gets None once the broker has accepted, or why a required first attempt failed.
        link: The accepted connection, None while there is none; any thread may read it.
    """

    def __init__(self, office: Office, signals: Signals, clock: Clock, pace: Pace) -> None:
        self._office = office
        self._signals = signals
        self._clock = clock
        self._pace = pace
        self.commands: CommandHall | None = None
        self.discovery: Discovery | None = None
        self.first_attempt: SimpleQueue[EdgekitError | None] = SimpleQueue()
        self.link: Link | None = None
        self._accepted = False
        self._stop_s: float | None = None
        self._said_farewell = False

    def run(self) -> None:
        """Connect and publish until a stop is done, whatever fails meanwhile; the top of the publisher's thread."""
        failures = 0
        while not self._ran_to_the_end():
            self._idle(self._pace.delay_s(failures))
            failures += 1

    def _ran_to_the_end(self) -> bool:
        """Connect and publish; return whether that is over, or has to begin anew after a fault."""
        try:
            self._go_on()
        except Exception as exc:  # noqa: BLE001 - the top of the thread
            _log.exception("the publisher failed: %s", exc)
            return self._gave_up(EdgekitError(f"the publisher failed: {exc}"))
        return True

    def _gave_up(self, failure: EdgekitError) -> bool:
        """Hand the failure of a required first attempt to `start`; return False where the publisher goes on."""
        if self._accepted or self._office.settings.at_start != "require":
            return False
        self.first_attempt.put(failure)
        return True

    def _go_on(self) -> None:
        """Connect again and again, until there is nothing more to do or the first required attempt has failed."""
        failures = 0
        client_id = f"edgekit.{self._office.topics.site}.{self._office.topics.box}"
        self._await_plausible_clock()
        while not self._finished():
            try:
                link = Link.open(self._office.settings, client_id, self._office.board.will(), self._signals.put)
            except EdgekitError as exc:
                if self._gave_up(exc):
                    return
                delay = self._pace.delay_s(failures)
                _log.warning("%s; trying again in %.1f s, %d events wait", exc, delay, self._office.outbox.depth)
                failures += 1
            else:
                _log.info("connected to the broker at %s:%d", self._office.settings.host, self._office.settings.port)
                self._serve(link)
                failures, delay = 0, self._pace.delay_s(0)
            self._idle(delay)

    def _await_plausible_clock(self) -> None:
        """Wait, bounded, for a clock by which certificates can hold; without a battery it begins long ago."""
        end_s = self._clock.monotonic() + self._pace.clock_s
        told = False
        while clock_is_implausible(self._office.settings.tls, self._clock.utc()) and self._clock.monotonic() < end_s:
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
        flat = frozenset(self._office.settings.plc)
        session = Session(
            link, self._office.outbox, self._office.topics, self._office.acknowledgements, self._clock, self._pace, flat
        )
        try:
            if self.commands is not None:
                link.subscribe(self._office.topics.commands)
            for message in self._office.board.all(self._clock):
                session.retain(message)
            if not self._apply(self._signals.take(0.0), session):
                return
            session.fill(events=False)
            if self.discovery is not None:
                link.subscribe(self.discovery.filter)
                for message in self.discovery.all():
                    session.retain(message)
            link.subscribe(self._office.topics.shelves)  # to hear which ones the broker keeps that nobody has any more
            self.link = link
            self._accepted = True
            self.first_attempt.put(None)
            self._pump(session)
        finally:
            self.link = None
            link.abort()

    def _pump(self, session: Session) -> None:
        status_s = self._clock.monotonic() + self._pace.status_every_s
        while True:
            now = self._clock.monotonic()
            if now >= status_s:
                session.retain(self._office.board.box(self._clock))
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
        session.retain(self._office.board.farewell(self._clock))
        end_s = self._clock.monotonic() + FAREWELL_S
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
        own = [*self._office.board.put(news)]
        if self.discovery is not None and isinstance(news, ShelfMessage):
            own += self.discovery.learn(news)
        if session is not None:
            for message in (*own, self._office.board.box(self._clock)):
                session.retain(message)

    def _receive(self, message: Received, session: Session) -> None:
        name = self._office.topics.command_of(message.topic)
        if self.commands is not None and name is not None:
            self.commands.take(name, message)
        elif self._office.topics.shelf_of(message.topic) is not None:
            for cleared in self._office.board.outlived(message):
                session.retain(cleared)
        elif self.discovery is not None and self.discovery.owns(message.topic):
            for cleared in self.discovery.outlived(message):
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
        return self._stop_s is not None and (self._said_farewell or self._office.outbox.depth == 0 or self._overdue())

    def _overdue(self) -> bool:
        return self._stop_s is not None and self._clock.monotonic() >= self._stop_s


def _hint(reason: str) -> str:
    if reason.startswith("Session taken over"):
        return ": another client has this box's client id; is a second box configured with the same site and name?"
    return ""

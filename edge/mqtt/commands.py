"""The desk at which commands arrive: checked, executed once, written down, answered; one after another, in one thread.

A box starts every session clean, so the broker keeps no commands for it: what was sent while the box was away is not
executed later, when nobody waits for it any more.
"""

import json
import logging
import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from queue import Empty, Full, Queue

from pydantic import ValidationError

from devices.errors import EdgekitError
from edge.mqtt.audit import AuditEntry, AuditLog
from edge.mqtt.clock import SYSTEM_CLOCK, Clock
from edge.mqtt.command_messages import CommandMessage, CommandName, ReplyMessage, Result
from edge.mqtt.link import Outgoing, Received
from edge.mqtt.sparing import Allowance, Sparing
from edge.mqtt.topics import ROOT, Topics
from edge.printable import printable

_log = logging.getLogger(__name__)

Execute = Callable[[CommandName, CommandMessage], Result]

PICTURE = "jpeg"  # the one result that is told and not kept
_MOST_BYTES = 4096
_MOST_WAITING = 32
_MOST_TOPIC = 256
_MOST_REFUSED = 60  # at once; of a flood of more the audit log would keep nothing but the flood
_REFUSED_EVERY_S = 10.0
_MOST_REFUSED_BYTES = 512  # of a refused command that are written down


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose desk it is, and who may come.

    Attributes:
        topics: Of the box.
        run_id: Of this run.
        clients: Names that may command. The broker's access rules say who may publish at all.
    """

    topics: Topics
    run_id: str
    clients: tuple[str, ...]


class CommandDesk:
    """Executes commands from `start` to `stop`.

    Args:
        desk: Whose it is.
        execute: Does what is asked for, returns its result, raises EdgekitError where it cannot.
        audit: Where everything is written down before it is replied to.
        clock: Where times come from.
    """

    def __init__(self, desk: Desk, execute: Execute, audit: AuditLog, clock: Clock = SYSTEM_CLOCK) -> None:
        self._desk = desk
        self._execute = execute
        self._audit = audit
        self._clock = clock
        self._waiting: Queue[Received | None] = Queue(_MOST_WAITING)
        self._drops = Sparing(clock)
        self._refusals = Sparing(clock)
        self._may_refuse = Allowance(_MOST_REFUSED, _REFUSED_EVERY_S, clock)
        self._send: Callable[[Outgoing], None] = lambda _message: None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name="commands", daemon=True)

    def start(self, send: Callable[[Outgoing], None]) -> None:
        """Begin to execute; `send` takes the replies, in the desk's thread."""
        self._send = send
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish the command at hand, leave those that wait unanswered, and close the audit log."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._audit.close()

    @property
    def waiting(self) -> int:
        """Commands that nobody has begun with."""
        return self._waiting.qsize()

    def take(self, message: Received) -> None:
        """Take a command from the broker; returns at once. One too many is dropped: its client asks again."""
        try:
            self._waiting.put_nowait(message)
        except Full:
            dropped = self._drops.more()
            if dropped:
                _log.warning(
                    "%d commands wait already: dropped %d, the last to %s",
                    _MOST_WAITING,
                    dropped,
                    printable(message.topic),
                )

    def _main(self) -> None:
        while not self._stopping.is_set():
            try:
                message = self._waiting.get(timeout=0.2)
            except Empty:
                continue
            if message is None:
                return
            try:
                self._answer(message)
            except Exception:  # noqa: BLE001 - the top of the thread: the next command gets its chance
                _log.exception("a command to %s failed", printable(message.topic))

    def _answer(self, message: Received) -> None:
        name = self._desk.topics.command_of(message.topic)
        if name is None or not message.payload:
            return  # an empty payload only clears a retained topic
        settled = False  # whether the reply is what this id gets from now on
        most_bytes = _MOST_BYTES
        try:
            command = _command(name, message, self._desk.clients)
        except ValueError as exc:
            client = _claimed(message.payload, "client")
            self._tell_refusal(name, client, exc)
            if not self._may_refuse.take():
                return  # its sender asks again, or has stopped to listen long ago
            reply = self._reply(name, _claimed(message.payload, "id"), error=str(exc))
            most_bytes = _MOST_REFUSED_BYTES
        else:
            client = command.client
            before = self._audit.reply_to(client, command.id)
            if before is not None and before.command == name:
                reply = before.model_copy(update={"repeated": True, "replied_at": self._clock.utc()})
            elif before is not None:
                reply = self._reply(name, command.id, error=f"this id was used for the command {before.command}")
            else:
                reply, settled = self._done(CommandName(name), command), True
        kept = reply.model_copy(update={"result": {k: v for k, v in reply.result.items() if k != PICTURE}})
        told = message.payload[:most_bytes].decode(errors="replace")
        self._audit.append(
            AuditEntry(at=self._clock.utc(), command=name, client=client, parameters=told, reply=kept, settled=settled)
        )
        topic = self._reply_topic(name, message, client)
        if topic is not None:
            self._send(Outgoing(topic, reply.to_json().encode(), correlation=message.correlation))

    def _tell_refusal(self, name: str, client: str | None, why: ValueError) -> None:
        refused = self._refusals.more()
        if refused:
            others = f" ({refused - 1} others since the last that was told)" if refused > 1 else ""
            _log.warning("refused the command %s of %s: %s%s", printable(name), client, why, others)

    def _done(self, name: CommandName, command: CommandMessage) -> ReplyMessage:
        try:
            result = self._execute(name, command)
        except EdgekitError as exc:
            return self._reply(name.value, command.id, error=str(exc))
        except Exception:  # noqa: BLE001 - who asked must not wait for ever, and the log must say that it was tried
            _log.exception("the command %s of %s (%s) failed", name.value, command.client, command.id)
            return self._reply(name.value, command.id, error="the box failed at it; its log says why")
        _log.info("command %s of %s (%s): done", name.value, command.client, command.id)
        return self._reply(name.value, command.id, result=result)

    def _reply(
        self, name: str, command_id: str | None, *, error: str | None = None, result: Result | None = None
    ) -> ReplyMessage:
        return ReplyMessage(
            site=self._desk.topics.site,
            box=self._desk.topics.box,
            run_id=self._desk.run_id,
            command=name,
            id=command_id,
            ok=error is None,
            error=error,
            repeated=False,
            replied_at=self._clock.utc(),
            result=result or {},
        )

    def _reply_topic(self, name: str, message: Received, client: str | None) -> str | None:
        """Return where to reply: where the client wishes, unless that would speak in this box's or another's name."""
        wished = message.response_topic
        if wished is None:
            return self._desk.topics.reply(name, client) if client in self._desk.clients else None
        replies = f"{self._desk.topics.root}/cmd/"
        forged = wished.startswith(f"{ROOT}/") and not (wished.startswith(replies) and "/reply/" in wished)
        if forged or not 0 < len(wished) <= _MOST_TOPIC or any(sign in wished for sign in "#+\0$"):
            _log.warning("the command %s wants its reply at %r: no reply is sent there", name, wished[:_MOST_TOPIC])
            return None
        return wished


class CommandHall:
    """Sends each command to one of two desks: what cannot wait until others are carried out has a desk of its own.

    Args:
        usual: Where most commands go.
        urgent: Where those go that cannot wait, None where all can.
        cannot_wait: Which these are.
    """

    def __init__(
        self,
        usual: CommandDesk,
        urgent: CommandDesk | None = None,
        cannot_wait: AbstractSet[CommandName] = frozenset(),
    ) -> None:
        self._usual = usual
        self._urgent = urgent or usual
        self._cannot_wait = {name.value for name in cannot_wait}

    def start(self, send: Callable[[Outgoing], None]) -> None:
        """Begin to execute; `send` takes the replies, in the desks' threads."""
        for desk in {self._usual, self._urgent}:
            desk.start(send)

    def stop(self, timeout_s: float) -> None:
        """Stop both desks."""
        for desk in {self._usual, self._urgent}:
            desk.stop(timeout_s)

    def take(self, name: str, message: Received) -> None:
        """Take a command of a name from the broker; returns at once."""
        (self._urgent if name in self._cannot_wait else self._usual).take(message)


def _command(name: str, message: Received, clients: tuple[str, ...]) -> CommandMessage:
    """Read and check a command.

    Raises:
        ValueError: It cannot be executed; the text says why.
    """
    if name not in {known.value for known in CommandName}:
        raise ValueError(f"there is no command {name!r}; known: {', '.join(known.value for known in CommandName)}")
    if message.retained:
        raise ValueError("a retained command is not executed: nobody can tell how old it is; publish it without retain")
    if len(message.payload) > _MOST_BYTES:
        raise ValueError(f"{len(message.payload)} bytes are too many; a command has at most {_MOST_BYTES}")
    try:
        command = CommandMessage.model_validate_json(message.payload)
    except ValidationError as exc:
        fault = exc.errors()[0]
        raise ValueError(f"{'.'.join(str(part) for part in fault['loc']) or 'the payload'}: {fault['msg']}") from None
    if command.client not in clients:
        raise ValueError(f"{command.client!r} is not among the clients in [commands]")
    return command


def _claimed(payload: bytes, key: str) -> str | None:
    """Return a text from a command that is not valid, so that its sender can be told; None where it has none.

    What is not for print is none: it would forge a line of the log, or could not be written down at all.
    """
    if len(payload) > _MOST_BYTES:
        return None
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    value = content.get(key) if isinstance(content, dict) else None
    if not isinstance(value, str) or not value.isprintable():
        return None
    return value if 0 < len(value) <= 64 else None  # noqa: PLR2004 - as long as a valid one

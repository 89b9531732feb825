"""What commands may do about events: bring one about by a trigger, let delivered ones go again."""

from collections.abc import Callable

from devices.errors import EdgekitError
from edge.mqtt.command_messages import CommandMessage, CommandName, Result
from edge.mqtt.event_table import Span
from edge.mqtt.outbox import Outbox
from edge.runtime.triggers import TriggerDesk

ABOUT_EVENTS = frozenset({CommandName.TRIGGER, CommandName.REPLAY})


class EventControl:
    """Carries out commands about events; may be used from any thread.

    Args:
        outbox: Which holds them.
        triggers: Where triggers go.
        send_again: Takes delivered events that are to go again.
    """

    def __init__(self, outbox: Outbox, triggers: TriggerDesk, send_again: Callable[[Span], None]) -> None:
        self._outbox = outbox
        self._triggers = triggers
        self._send_again = send_again

    def execute(self, name: CommandName, command: CommandMessage) -> Result:
        """Do what a command asks for and return its result.

        Raises:
            EdgekitError: It cannot be done, or lacks a parameter.
            ValueError: It is none about events.
        """
        match name:
            case CommandName.TRIGGER:
                return self._trigger(command)
            case CommandName.REPLAY:
                return self._replay(command)
            case _:
                raise ValueError(f"{name.value} is for BoxControl")

    def _trigger(self, command: CommandMessage) -> Result:
        """Take a trigger and return at once; seq is that of its event where the id had one already."""
        if command.camera is None or command.trigger_id is None:
            raise EdgekitError("trigger needs camera and trigger_id")
        taken = self._triggers.take(command.camera, command.trigger_id)
        return {"trigger_id": taken.trigger_id, "known": taken.repeated, "epoch": self._outbox.epoch, "seq": taken.seq}

    def _replay(self, command: CommandMessage) -> Result:
        """Let delivered events go again, and return how many; those that still wait go anyhow."""
        if command.camera is None or command.epoch is None or command.first is None or command.last is None:
            raise EdgekitError("replay needs camera, epoch, from and to")
        if command.epoch != self._outbox.epoch:
            raise EdgekitError(f"events of epoch {command.epoch} are gone with it: this is epoch {self._outbox.epoch}")
        positions = self._outbox.positions()
        position = positions.get(command.camera)
        if position is None:
            raise EdgekitError(f"there is no camera {command.camera!r}: name one of {', '.join(positions)}")
        span = Span(command.camera, command.first, command.last)
        events = self._outbox.kept.count(span, position.last_seq, position.oldest_unacknowledged)
        self._send_again(span)
        return {"events": events}

"""Which events go next over a connection: what happens now first, what waited after it, each in its order."""

from dataclasses import dataclass

from edge.mqtt.outbox import Outbox, PendingEvent


@dataclass(frozen=True, slots=True)
class Due:
    """An event that is to be sent, and whether as history."""

    event: PendingEvent
    replayed: bool


class Lanes:
    """Two lanes over one outbox, for the life of one connection.

    Live is what is committed after the lanes were opened; history is what was pending by then: of earlier runs, of a
    time without broker, or sent before and never acknowledged. Each lane goes in the order of commits.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._boundary = outbox.last_position
        self._live = self._boundary
        self._history = 0
        self.exhausted = False

    def take(self, room: int, history_room: int | None = None) -> list[Due]:
        """Return up to `room` events, live ones first, each once.

        Args:
            room: The most to return.
            history_room: The most of them that may be history, None for as many as there is room for.

        Raises:
            EdgekitError: The outbox cannot be read.
        """
        if room <= 0:
            return []
        live = self._outbox.pending(room, after=self._live)
        if live:
            self._live = live[-1].position
        history: list[PendingEvent] = []
        left = room - len(live) if history_room is None else min(room - len(live), history_room)
        if self._history < self._boundary and left > 0:
            history = self._outbox.pending(left, after=self._history, upto=self._boundary)
            self._history = history[-1].position if history else self._boundary
        self.exhausted = not live and self._history >= self._boundary
        return [Due(event, replayed=False) for event in live] + [Due(event, replayed=True) for event in history]

    def rewind(self) -> None:
        """Let all that was taken and is still pending go again, as history."""
        self._boundary = self._live
        self._history = 0
        self.exhausted = False

"""Which events go next over a connection: what happens now first, what waited after it, each in its order."""

import logging
from dataclasses import dataclass

from edge.mqtt.event_table import Span, StoredEvent
from edge.mqtt.outbox import Outbox

_log = logging.getLogger(__name__)

_MOST_ASKED = 1000  # spans that wait to go again


@dataclass(frozen=True, slots=True)
class Due:
    """An event that is to be sent.

    Attributes:
        event: The event.
        replayed: Whether it goes as history.
        ended: Whether it was delivered before, and goes again because somebody asked for it.
    """

    event: StoredEvent
    replayed: bool
    ended: bool = False


class Lanes:
    """Three lanes over one outbox, for the life of one connection.

    Live is what is committed after the lanes were opened; history is what was pending by then: of earlier runs, of a
    time without broker, or sent before and never acknowledged. What was delivered and asked for again goes last, one
    span after another. Each lane goes in the order of commits.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._boundary = outbox.last_position
        self._live = self._boundary
        self._history = 0
        self._asked: dict[Span, None] = {}  # in the order in which they were asked for, each once
        self._going: Span | None = None
        self._asked_after = 0
        self.exhausted = False

    @property
    def history_waits(self) -> bool:
        """Whether there is history that was not taken yet."""
        return self._history < self._boundary

    @property
    def asked_waits(self) -> bool:
        """Whether something is to go again that was not taken yet."""
        return bool(self._asked or self._going)

    def ask(self, span: Span) -> None:
        """Let a span of delivered events go again, after those asked for before; what waits already goes once."""
        if len(self._asked) >= _MOST_ASKED and span not in self._asked:
            _log.warning("%d spans of events wait to go again: one more of %s is not sent", _MOST_ASKED, span.camera)
            return
        self._asked[span] = None
        self.exhausted = False

    def take(self, room: int, history_room: int | None = None, past_room: int | None = None) -> list[Due]:
        """Return up to `room` events, live ones first, each once.

        Args:
            room: The most to return.
            history_room: The most of them that may be history, None for as many as there is room for.
            past_room: The most of them that may be history or asked for again, None likewise.

        Raises:
            EdgekitError: The outbox cannot be read.
        """
        if room <= 0:
            return []
        live = self._outbox.pending(room, after=self._live)
        if live:
            self._live = live[-1].position
        history: list[StoredEvent] = []
        left = room - len(live) if history_room is None else min(room - len(live), history_room)
        if self.history_waits and left > 0:
            history = self._outbox.pending(left, after=self._history, upto=self._boundary)
            self._history = history[-1].position if history else self._boundary
        left = room - len(live) if past_room is None else min(room - len(live), past_room)
        asked = self._take_asked(left - len(history))
        self.exhausted = not (live or self.history_waits or self.asked_waits)
        due = [Due(event, replayed=False) for event in live] + [Due(event, replayed=True) for event in history]
        return due + [Due(event, replayed=True, ended=True) for event in asked]

    def rewind(self) -> None:
        """Let all that was taken and is still pending go again, as history."""
        self._boundary = self._live
        self._history = 0
        self.exhausted = False

    def _take_asked(self, room: int) -> list[StoredEvent]:
        asked: list[StoredEvent] = []
        while self.asked_waits and (left := room - len(asked)) > 0:
            if self._going is None:
                self._going = next(iter(self._asked))
                del self._asked[self._going]
            page = self._outbox.kept.page(self._going, left, self._asked_after)
            asked += page
            if len(page) == left:
                self._asked_after = page[-1].position
            else:
                self._going, self._asked_after = None, 0
        return asked

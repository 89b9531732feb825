"""Messages that the broker has not answered yet, and the events that they carry: an event may go out in two."""

Place = tuple[str, int]  # camera and seq


class InFlight:
    """What one connection waits for. An event is taken over once all of its messages are, and none was refused."""

    def __init__(self) -> None:
        self._messages: dict[int, Place | None] = {}
        self._open: dict[Place, int] = {}
        self._refused: set[Place] = set()

    def __len__(self) -> int:
        """Return how many messages are sent and not answered."""
        return len(self._messages)

    def __contains__(self, mid: int) -> bool:
        """Return whether a message is sent and not answered."""
        return mid in self._messages

    @property
    def places(self) -> frozenset[Place]:
        """The events of which some message is not answered, or not even sent."""
        return frozenset(self._open)

    @property
    def idle(self) -> bool:
        """Whether nothing is waited for, nor begun and not sent."""
        return not self._messages and not self._open

    def begin(self, place: Place, messages: int) -> None:
        """Note that an event is about to go out in so many messages."""
        self._open[place] = messages
        self._refused.discard(place)

    def sent(self, mid: int, place: Place | None) -> None:
        """Note that a message went out: of an event, or of none."""
        self._messages[mid] = place

    def answered(self, mid: int, *, taken: bool) -> tuple[Place | None, bool]:
        """Note the broker's answer; return the message's event, and whether that is now taken over as a whole."""
        place = self._messages.pop(mid, None)
        if place is None or place not in self._open:
            return place, False
        if not taken:
            self._refused.add(place)
        self._open[place] -= 1
        if self._open[place]:
            return place, False
        del self._open[place]
        whole = place not in self._refused
        self._refused.discard(place)
        return place, whole

"""The demonstration's events held against the ground truth of its clip: seen, read, not read, wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

NEAR_S = 1.5  # of a moving belt: an event belongs to a parcel that crosses the line at most this long before or after


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel as the ground truth knows it: when its centre crosses the line, and what its label says.

    Attributes:
        number: Its number in the clip.
        crossings_s: Every moment at which its centre is on the line, in seconds of a moving belt.
        text: What its label says, None where there is nothing to read.
    """

    number: int
    crossings_s: tuple[float, ...]
    text: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A received event: for how many seconds the belt had moved at its frame, and the texts it carries."""

    at_s: float
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How a run of the demonstration went.

    Attributes:
        parcels: Parcels in the clip.
        readable: Parcels of those whose label can be read.
        seen: Parcels with exactly one event.
        read: Readable parcels with exactly their own text.
        no_read: Unreadable parcels that were told as not read.
        missed: Numbers of the parcels without an event.
        unread: Numbers of the readable parcels without a text.
        wrong: (number, text) of each text that is not the parcel's own.
        surplus: Events that belong to no parcel.
    """

    parcels: int
    readable: int
    seen: int
    read: int
    no_read: int
    missed: tuple[int, ...]
    unread: tuple[int, ...]
    wrong: tuple[tuple[int, str], ...]
    surplus: int

    @property
    def passed(self) -> bool:
        """Every parcel exactly one event, no wrong text, at least 95 % of the readable ones read."""
        accounted = self.seen == self.parcels and self.surplus == 0
        return accounted and not self.wrong and self.read >= 0.95 * self.readable


def score(parcels: Sequence[Parcel], decisions: Sequence[Decision]) -> Score:
    """Give each event to the parcel that crosses the line nearest in time, and count.

    Texts play no part in who belongs to whom, so that a swapped text counts as two wrong ones.
    """
    owner = _assign(parcels, decisions)
    texts = {number: decisions[index].texts for index, number in owner.items()}
    wrong = [
        (parcel.number, text) for parcel in parcels for text in texts.get(parcel.number, ()) if text != parcel.text
    ]
    readable = [parcel for parcel in parcels if parcel.text is not None]
    unreadable = [parcel for parcel in parcels if parcel.text is None]
    return Score(
        parcels=len(parcels),
        readable=len(readable),
        seen=len(texts),
        read=sum(texts.get(parcel.number) == (parcel.text,) for parcel in readable),
        no_read=sum(texts.get(parcel.number) == () for parcel in unreadable),
        missed=tuple(parcel.number for parcel in parcels if parcel.number not in texts),
        unread=tuple(parcel.number for parcel in readable if texts.get(parcel.number) == ()),
        wrong=tuple(wrong),
        surplus=len(decisions) - len(owner),
    )


def _assign(parcels: Sequence[Parcel], decisions: Sequence[Decision]) -> dict[int, int]:
    """Return parcel numbers by event index, nearest pairs first, each used once."""
    pairs = sorted(
        (min(abs(decision.at_s - crossing) for crossing in parcel.crossings_s), index, parcel.number)
        for index, decision in enumerate(decisions)
        for parcel in parcels
        if parcel.crossings_s
    )
    owner: dict[int, int] = {}
    taken: set[int] = set()
    for distance_s, index, number in pairs:
        if distance_s <= NEAR_S and index not in owner and number not in taken:
            owner[index] = number
            taken.add(number)
    return owner

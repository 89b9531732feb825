"""What several looks of a classifier at one thing come to: one wrong look must never become a wrong tag."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge.tags.ballot import LEAD
from edge.tags.events import Tag

_MAJORITY = 0.5


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a classifier and a gallery can tell.

    Attributes:
        single: Names of what has one value.
        several: Names of what may have several, or none.
        values: By name.
    """

    single: tuple[str, ...]
    several: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """How looks become tags.

    Attributes:
        agreeing: Looks that must say the same.
        most: Looks after which whatever is not sure stays unknown.
        lead: Times as many looks as say any other value.
    """

    agreeing: int
    most: int
    lead: int = LEAD


class Verdict:
    """The looks at one parcel or one place.

    Args:
        attributes: What can be told.
        settings: How looks become tags.
    """

    def __init__(self, attributes: Attributes, settings: VoteSettings) -> None:
        self._attributes = attributes
        self._settings = settings
        self._votes: dict[str, Counter[str]] = {}
        self._said: dict[tuple[str, str], list[Tag]] = {}
        self._margins: list[float] = []
        self.looks = 0

    def hear(self, said: Sequence[Tag], margin: float | None = None) -> None:
        """Count one look: all that it was sure of, which may be nothing, and by which margin the likeliest led."""
        self.looks += 1
        self._margins += [margin] if margin is not None else []
        for tag in said:
            self._votes.setdefault(tag.key, Counter())[tag.value] += 1
            self._said.setdefault((tag.key, tag.value), []).append(tag)

    def value(self, attribute: str) -> str | None:
        """Return the value of an attribute of one value, None as long as it is not sure."""
        (best, votes), *others = [*self._votes.get(attribute, Counter[str]()).most_common(2), ("", 0)]
        rival = others[0][1] if others else 0
        return best if votes >= self._settings.agreeing and votes >= self._settings.lead * rival else None

    @property
    def settled(self) -> bool:
        """Whether another look would change nothing, or enough were made."""
        if self.looks >= self._settings.most:
            return True
        return self.looks >= self._settings.agreeing and all(
            self.value(name) is not None for name in self._attributes.single
        )

    @property
    def margin(self) -> float | None:
        """Mean margin of the looks, None where none told it."""
        return sum(self._margins) / len(self._margins) if self._margins else None

    @property
    def tags(self) -> tuple[Tag, ...]:
        """All that is sure, each with the mean score of the looks that said it."""
        found: list[Tag] = []
        for name in self._attributes.single:
            value = self.value(name)
            if value is not None:
                found.append(self._tag(name, value))
        for name in self._attributes.several:
            votes = self._votes.get(name, Counter[str]())
            needed = max(self._settings.agreeing, _MAJORITY * self.looks)
            found += [self._tag(name, value) for value, count in votes.items() if count >= needed]
        return tuple(found)

    def _tag(self, name: str, value: str) -> Tag:
        said = self._said[name, value]
        sources = Counter(tag.source for tag in said)
        return Tag(name, value, round(sum(tag.score for tag in said) / len(said), 4), sources.most_common(1)[0][0])

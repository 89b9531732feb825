"""What an event says of one thing that was looked at: whether it was read, and its tags, in one order for all."""

from collections.abc import Sequence
from datetime import date

from edge.tags.ballot import Text
from edge.tags.events import EventKind, Tag, TagSource

_KINDS = (EventKind.NO_READ, EventKind.READ, EventKind.MULTI_READ)


def kind_of(texts: Sequence[Text]) -> EventKind:
    """Return whether none, one or several texts were read."""
    return _KINDS[min(len(texts), 2)]


def tags_of(
    found: tuple[str, float] | None, texts: Sequence[Text], looked_up: Sequence[Tag], today: date
) -> tuple[Tag, ...]:
    """Return the tags of one thing: its class, then its codes with what they hold, then what else was told of it.

    Args:
        found: The detector's class and score, 0 to 1; None where it found nothing.
        texts: That were read.
        looked_up: What classifier, printed fields and catalogue say.
        today: Decides the century of the codes' dates.
    """
    classes = [] if found is None else [Tag("class", found[0], round(found[1], 4), TagSource.DETECTOR)]
    return (*classes, *(tag for text in texts for tag in text.tags(today)), *looked_up)

"""The counts of one shelf zone: which of them have changed, and which have passed a bound."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from edge.tags.events import EventKind, Stock
from edge.tags.shelf_state import ShelfState, TagCount
from edge.zones import Shelf

Statement = tuple[EventKind, Stock]


class StockCounts:
    """Keeps what was said last of each class.

    Args:
        camera: Name of the camera.
        shelf: The zone, from the configuration.
    """

    def __init__(self, camera: str, shelf: Shelf) -> None:
        self._camera = camera
        self._shelf = shelf
        self._passed: dict[str, EventKind | None] = {}
        self.state: ShelfState | None = None

    def update(
        self, numbers: Counter[str], since: Mapping[str, datetime], now: datetime, *, everything: bool = False
    ) -> list[Statement]:
        """Return what is to be said of what stands there now: counts, each with the bound that it has passed.

        Args:
            numbers: How many of each class stand there.
            since: By class, since when (UTC) it is so; `now` where it is not given.
            now: Capture time (UTC) of the picture.
            everything: Say all counts, not only those that have changed.
        """
        known = {count.tag: count for count in self.state.counts} if self.state is not None else {}
        tags: set[str] = {*numbers, *self._shelf.expected, *known}
        counts: list[TagCount] = []
        said: list[Statement] = []
        for tag in sorted(tags):
            before = known[tag].count if tag in known else (0 if self.state is not None else None)
            same = known.get(tag) if before == numbers[tag] else None
            count = same or TagCount(tag, numbers[tag], since.get(tag, now))
            if everything or before != count.count:
                said.append((EventKind.COUNT, Stock(tag, count.count, count.since, before=before)))
                said += self._passed_by(count)
            if count.count or tag in self._shelf.expected:
                counts.append(count)
        if said or self.state is None:
            self.state = ShelfState(self._camera, self._shelf.name, tuple(counts), now)
        return said

    def _passed_by(self, count: TagCount) -> list[Statement]:
        """Return that there are too few or too many of an expected class, where that begins with this count."""
        if count.tag not in self._shelf.expected:
            return []
        kind, limit = None, None
        if count.count < self._shelf.least:
            kind = EventKind.LOW_STOCK if count.count else EventKind.OUT_OF_STOCK
            limit = self._shelf.least
        elif self._shelf.most is not None and count.count > self._shelf.most:
            kind, limit = EventKind.OVERSTOCK, self._shelf.most
        told, self._passed[count.tag] = self._passed.get(count.tag), kind
        if kind is None or kind is told:
            return []
        return [(kind, Stock(count.tag, count.count, count.since, limit=limit))]

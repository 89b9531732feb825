"""What happens with the events of a step once they are decided: they are kept, and then all who wait are told."""

import logging
from collections.abc import Sequence

from edge.mqtt.event_writer import EventWriter
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.printable import printable
from edge.runtime.keeping import Keeping
from edge.runtime.summary import Tally
from edge.runtime.watch import Watch
from edge.tags.events import TagEvent
from edge.tags.routing import Routing

_log = logging.getLogger(__name__)


class Dispatch:
    """Brings decided events into the outbox and tells publisher, page, counts and log of what is kept there.

    Args:
        outbox: Where events are committed.
        publisher: Told that there are more.
        keeping: Looks at their pictures.
        routing: Gives them products and lanes.
        watch: What the page shows.

    Attributes:
        writer: Commits; closed by who made this.
        tally: Counts what was committed.
    """

    def __init__(
        self, outbox: Outbox, publisher: Publisher, *, keeping: Keeping, routing: Routing, watch: Watch
    ) -> None:
        self._publisher = publisher
        self._keeping = keeping
        self._routing = routing
        self._watch = watch
        self.tally = Tally()
        self.writer = EventWriter(outbox, self._committed)

    @property
    def alarms(self) -> tuple[str, ...]:
        """What is wrong, for the box's status."""
        return self.writer.alarms + self._keeping.alarms

    def commit(self, events: Sequence[TagEvent]) -> None:
        """Commit the events of a step, all with tables of one reading."""
        self._keeping.pass_on(events, self._routing.tables, self.writer.commit)

    def _committed(self, events: Sequence[TagEvent], seqs: Sequence[int]) -> None:
        self._publisher.notify()
        self._watch.tell(events, seqs)
        self.tally.count(events)
        for event in events:
            _log.info("%s", _line(event))


def _line(event: TagEvent) -> str:
    texts = ", ".join(printable(tag.value) for tag in event.tags if tag.key == "code")
    where = "/".join(part for part in (event.camera, event.zone) if part)
    if event.stock is not None:
        return f"{where}: {event.kind.value} {event.stock.tag}, {event.stock.count} there"
    return f"{where}: {event.kind.value} {texts or (event.reason.value if event.reason else '')}".rstrip()

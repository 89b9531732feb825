"""Delivered events that are kept for a while, so that they can be sent again."""

from typing import final

from devices.errors import EdgekitError
from edge.mqtt.event_table import EventTable, Span, StoredEvent
from edge.mqtt.messages import EventBody
from edge.mqtt.transactions import Transactions


@final
class KeptEvents:
    """What was delivered and is still kept.

    Args:
        table: Of kept events.
        transactions: Over the same file.
    """

    def __init__(self, table: EventTable, transactions: Transactions) -> None:
        self._table = table
        self._transactions = transactions

    def count(self, span: Span, last_seq: int, oldest_undelivered: int | None) -> int:
        """Return how many events of a span are kept; those of it that still wait are sent anyhow.

        Args:
            span: Which.
            last_seq: The camera's newest seq.
            oldest_undelivered: Its oldest seq that still waits, None where none does.

        Raises:
            EdgekitError: It reaches before what is kept, or beyond what there is, or the disk refuses.
        """
        if not 1 <= span.first <= span.last <= last_seq:
            raise EdgekitError(
                f"camera {span.camera} has seqs 1 to {last_seq} in this epoch: name from and to within them"
            )
        with self._transactions.reading():
            oldest_kept = self._table.oldest_seq(span.camera)
            count = self._table.count(span)
        oldest = min((seq for seq in (oldest_kept, oldest_undelivered) if seq is not None), default=None)
        if oldest is None or span.first < oldest:
            kept = "none of it is" if oldest is None else f"the oldest that is has seq {oldest}"
            raise EdgekitError(f"seq {span.first} of camera {span.camera} is no longer kept: {kept}")
        return count

    def page(self, span: Span, limit: int, after: int) -> list[StoredEvent]:
        """Return kept events of a span, in the order of their commits.

        Args:
            span: Which.
            limit: The most to return.
            after: Only positions above this one.

        Raises:
            EdgekitError: The disk refuses.
        """
        with self._transactions.reading():
            rows = self._table.page(limit, after, of=span)
        return [StoredEvent(row[0], EventBody.model_validate_json(row[1]), row[2], row[3]) for row in rows]

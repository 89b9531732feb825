"""What named consumers acknowledge: checked against epoch and what was published, collected, made durable together."""

import json
import logging
from dataclasses import dataclass

from pydantic import ValidationError

from edge.mqtt.clock import SYSTEM_CLOCK, Clock
from edge.mqtt.link import Received
from edge.mqtt.messages import AcknowledgementMessage
from edge.mqtt.outbox import Outbox
from edge.mqtt.sparing import Sparing
from edge.mqtt.topics import Topics
from edge.printable import printable

_log = logging.getLogger(__name__)

_MOST_BYTES = 1024


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a consumer says that it has; an epoch of None stands for the present one."""

    epoch: str | None
    upto: int


class Acknowledgements:
    """The acknowledgements of one run, over all of its connections. Used by one thread.

    Args:
        outbox: Whose events are acknowledged.
        topics: Of the box.
        clock: Where times come from.
    """

    def __init__(self, outbox: Outbox, topics: Topics, clock: Clock = SYSTEM_CLOCK) -> None:
        self._outbox = outbox
        self._refusals = Sparing(clock)
        self._topics = topics
        # What an earlier run committed, it may have published.
        self._published = {camera: position.last_seq for camera, position in outbox.positions().items()}
        self._collected: dict[tuple[str, str], int] = {}
        self.refused = 0

    def published(self, camera: str, seq: int) -> None:
        """Note that an event was sent, so that it can be acknowledged."""
        self._published[camera] = max(self._published.get(camera, 0), seq)

    def take(self, message: Received) -> None:
        """Collect a valid acknowledgement, refuse and count any other."""
        place = self._topics.acknowledged_by(message.topic)
        if place is None or place[0] not in self._outbox.consumers or not message.payload:
            return  # an empty payload only clears a retained topic
        consumer, camera = place
        fault = self._fault(message, camera)
        if fault is None:
            upto = _claim(message.payload).upto
            self._collected[place] = max(self._collected.get(place, 0), upto)
        else:
            self.refused += 1
            refused = self._refusals.more()
            if refused:
                others = f" ({refused - 1} others since the last that was told)" if refused > 1 else ""
                _log.warning(
                    "refused an acknowledgement of %s for camera %s: %s%s", consumer, printable(camera), fault, others
                )

    @property
    def waiting(self) -> bool:
        """Whether any was collected and is not durable yet."""
        return bool(self._collected)

    def settle(self) -> bool:
        """Make what was collected durable, with one commit; return whether it ended any event.

        Raises:
            EdgekitError: The outbox cannot be written.
        """
        if not self._collected:
            return False
        before = self._outbox.depth
        self._outbox.acknowledge(self._collected)
        self._collected = {}
        return self._outbox.depth < before

    def _fault(self, message: Received, camera: str) -> str | None:
        try:
            claim = _claim(message.payload)
        except ValueError as exc:
            return str(exc)
        if claim.epoch is None and message.retained:
            # Nobody can tell of which epoch an old number is; taken for the present one it could end events unsent.
            return "a plain number that the broker had kept; consumers that retain must name the epoch"
        if claim.epoch not in (None, self._outbox.epoch):
            return f"it is of epoch {printable(claim.epoch or '')}, this is {self._outbox.epoch}"
        # Of 0 events too: whoever makes up names must not fill the outbox.
        if camera not in self._published and camera not in self._outbox.positions():
            return "there is no such camera"
        if claim.upto > self._published.get(camera, 0):
            return f"it reaches to seq {claim.upto}, but only {self._published.get(camera, 0)} were published"
        return None


def _claim(payload: bytes) -> _Claim:
    """Read an acknowledgement: the message, or a plain number from a consumer that cannot make JSON objects.

    Raises:
        ValueError: It is neither; the text says what it is.
    """
    if len(payload) > _MOST_BYTES:
        raise ValueError(f"{len(payload)} bytes are no acknowledgement")
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        raise ValueError('it is no JSON: send {"epoch": …, "upto": …} or a plain number') from None
    if isinstance(content, int) and not isinstance(content, bool) and content >= 0:
        return _Claim(None, content)
    try:
        message = AcknowledgementMessage.model_validate(content)
    except ValidationError:
        raise ValueError('it has another form than {"epoch": …, "upto": …} or a plain number') from None
    return _Claim(message.epoch, message.upto)

"""What a discard has to tell: which events will never be sent, and the time that they cover."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from edge.mqtt.clock import Clock
from edge.mqtt.messages import EventBody, WireInterval
from edge.tags.events import EventKind, Interval, TagEvent
from edge.video.frame import ClockSource


@dataclass(frozen=True, slots=True)
class Doomed:
    """An undelivered event that is about to be discarded.

    Attributes:
        camera: Name of its camera.
        seq: Its place in that camera's order.
        captured_at: Its capture time.
        told: What it itself tells as lost; a `lost` event that is discarded passes that on.
    """

    camera: str
    seq: int
    captured_at: datetime
    told: WireInterval | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """What one `lost` event tells: the time, the cause, and exactly which seqs."""

    camera: str
    interval: Interval
    seqs: tuple[tuple[int, int], ...]

    def event(self, clock: Clock) -> TagEvent:
        """Return the event that tells it, as of now."""
        return TagEvent(
            camera=self.camera,
            kind=EventKind.LOST,
            captured_at=clock.utc(),
            clock=ClockSource.HOST,
            arrived_s=clock.monotonic(),
            frame_index=0,
            interval=self.interval,
        )


def told_by(kind: str, body: str) -> WireInterval | None:
    """Return what a kept event tells as lost, None for all but readable `lost` events."""
    if kind != EventKind.LOST.value:
        return None
    try:
        return EventBody.model_validate_json(body).interval
    except ValidationError:
        return None


def losses(doomed: Sequence[Doomed], cause: str) -> Iterator[Loss]:
    """Return one loss for each camera that has doomed events, in the order of the cameras' names."""
    for camera in sorted({event.camera for event in doomed}):
        own = [event for event in doomed if event.camera == camera]
        told = [event.told for event in own if event.told is not None]
        starts = [event.captured_at for event in own if event.told is None] + [interval.start for interval in told]
        ends = [event.captured_at for event in own if event.told is None] + [interval.end for interval in told]
        ranges = [(event.seq, event.seq) for event in own] + [span for interval in told for span in interval.seqs]
        yield Loss(camera, Interval(min(starts), max(ends), cause), joined(ranges))


def joined(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return ranges (first and last, both inside) in order, those that touch or overlap made one."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return tuple(result)

"""From the box-internal event to the form that is kept, and from that to the form that is sent."""

from dataclasses import dataclass
from datetime import datetime

from edge.mqtt.messages import (
    CaptureTime,
    EventBody,
    EventMessage,
    FrameReference,
    Latency,
    WireBox,
    WireInterval,
    WireTag,
)
from edge.mqtt.shelf_messages import WireStock
from edge.tags.events import Region, Stock, Tag, TagEvent
from edge.video.frame import ClockSource


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose events these are.

    Attributes:
        site: Name of the site.
        box: Name of the box.
        run_id: Id of this run of the runtime.
        model_digest: Digest of the model in use, for what no frame is behind; None where none runs.
        engine: What runs that model, for people.
    """

    site: str
    box: str
    run_id: str
    model_digest: str | None = None
    engine: str | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an event is given by its commit.

    Attributes:
        event_id: UUIDv7 as text.
        epoch: Id of the outbox.
        seq: Counts from 1 for each camera and epoch.
        host_synchronised: Whether the host's clock was disciplined, None where unknown.
        lost_seqs: Ranges of seq that a `lost` event accounts for.
    """

    event_id: str
    epoch: str
    seq: int
    host_synchronised: bool | None = None
    lost_seqs: tuple[tuple[int, int], ...] = ()


def event_body(event: TagEvent, origin: Origin, stamp: Stamp) -> EventBody:
    """Return an event in the form that the outbox keeps.

    Raises:
        ValueError: The event has boxes but no frame size to normalise them by, a time without zone, a score outside
            0 to 1, or a NaN.
    """
    size = event.frame_size
    return EventBody(
        event_id=stamp.event_id,
        site=origin.site,
        box=origin.box,
        camera=event.camera,
        run_id=origin.run_id,
        epoch=stamp.epoch,
        seq=stamp.seq,
        kind=event.kind,
        captured_at=capture_time(event.captured_at, event.clock, host_synchronised=stamp.host_synchronised),
        frame=FrameReference(index=event.frame_index, width=size[0], height=size[1]) if size else None,
        late=event.late,
        track=event.track_id,
        zone=event.zone,
        direction=event.direction,
        boxes=tuple(wire_box(region, size) for region in event.regions),
        tags=tuple(_wire_tag(tag) for tag in event.tags),
        product=event.product,
        route=event.route,
        catalogue_digest=event.catalogue_digest,
        routes_digest=event.routes_digest,
        classifier_digest=event.classifier_digest,
        gallery_digest=event.gallery_digest,
        trigger_id=event.trigger_id,
        reason=event.reason,
        interval=_wire_interval(event, stamp),
        stock=_wire_stock(event.stock),
        model_digest=event.model_digest or origin.model_digest,
        stages_ms={name: round(float(spent), 3) for name, spent in event.stages_ms.items()},
    )


def event_message(
    body: EventBody, *, published_at: datetime, waited_ms: float | None, total_ms: float | None, replayed: bool
) -> EventMessage:
    """Return a kept event in the form that is sent.

    Args:
        body: The event as the outbox kept it.
        published_at: The time of this sending, UTC.
        waited_ms: Milliseconds since commit, None where another run committed the event.
        total_ms: Milliseconds since the frame's arrival, None as above.
        replayed: The event goes out as history.
    """
    stages = dict(body.stages_ms)
    if waited_ms is not None:
        stages["outbox"] = round(waited_ms, 3)
    fixed = {name: getattr(body, name) for name in EventBody.model_fields if name in EventMessage.model_fields}
    total = None if total_ms is None else round(total_ms, 3)
    return EventMessage(
        **fixed, published_at=published_at, latency_ms=Latency(stages=stages, total=total), replayed=replayed
    )


def capture_time(time: datetime, clock: ClockSource, *, host_synchronised: bool | None) -> CaptureTime:
    """Return a capture time with whether it can be compared with other clocks: a file's cannot, a camera's may."""
    match clock:
        case ClockSource.HOST | ClockSource.V4L2:
            synchronised = host_synchronised
        case ClockSource.FILE:
            synchronised = False
        case ClockSource.RTCP:
            synchronised = None
    return CaptureTime(time=time, source=clock, synchronised=synchronised)


def wire_box(region: Region, size: tuple[int, int] | None) -> WireBox:
    """Return a box in pixels and as shares of a frame of (width, height).

    Raises:
        ValueError: There is no frame size to normalise it by.
    """
    if size is None:
        raise ValueError(f"a {region.label} box stands in an event without frame size")
    left, top, right, bottom = (float(edge) for edge in region.xyxy)
    width, height = size
    return WireBox(
        label=region.label,
        score=round(float(region.score), 4),
        pixels=(round(left, 2), round(top, 2), round(right, 2), round(bottom, 2)),
        normalised=(
            round(left / width, 5),
            round(top / height, 5),
            round(right / width, 5),
            round(bottom / height, 5),
        ),
        outline=None
        if region.outline is None
        else tuple((round(x / width, 5), round(y / height, 5)) for x, y in region.outline),
    )


def _wire_tag(tag: Tag) -> WireTag:
    return WireTag(
        key=tag.key, value=tag.value, score=round(float(tag.score), 4), source=tag.source, symbology=tag.symbology
    )


def _wire_interval(event: TagEvent, stamp: Stamp) -> WireInterval | None:
    if event.interval is None:
        return None
    told = event.interval
    return WireInterval(start=told.start, end=told.end, cause=told.cause, seqs=stamp.lost_seqs)


def _wire_stock(stock: Stock | None) -> WireStock | None:
    if stock is None:
        return None
    return WireStock(
        tag=stock.tag,
        count=stock.count,
        before=stock.before,
        since=stock.since,
        away_s=stock.away_s,
        limit=stock.limit,
    )

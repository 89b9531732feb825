"""What is told of a parcel that crossed a line: its one final event there, read or not."""

import math

from edge.tags.events import EventKind, Evidence, TagEvent
from edge.tags.parcel import Moment, Parcel
from edge.tags.told import kind_of, tags_of

_LATE_AFTER_MS = 100.0  # past its deadline by more than this, an event says that it is late


def line_event(camera: str, parcel: Parcel, moment: Moment, now_s: float) -> TagEvent:
    """Return the event of a crossing, by what is known of the parcel now.

    Args:
        camera: Name of the camera.
        parcel: What crossed.
        moment: When, and how it stood then.
        now_s: On the camera's own time line; infinite where no more frames will come.
    """
    texts = parcel.labels.ballot.texts
    kind = kind_of(texts)
    found = (parcel.class_name, parcel.score)
    return TagEvent(
        camera=camera,
        kind=kind,
        captured_at=moment.frame.captured_at,
        clock=moment.frame.clock,
        arrived_s=moment.frame.arrived_s,
        frame_index=moment.frame.index,
        frame_size=(moment.frame.width, moment.frame.height),
        zone=moment.line.name,
        direction=moment.direction,
        track_id=parcel.track_id,
        regions=moment.regions,
        tags=tags_of(found, texts, parcel.inquiry.tags, moment.frame.captured_at.date()),
        reason=parcel.labels.reason if kind is EventKind.NO_READ else None,
        late=math.isfinite(now_s) and (now_s - moment.due_s) * 1000 > _LATE_AFTER_MS,
        stages_ms=moment.stages_ms,
        evidence=Evidence(moment.frame, moment.regions[0].xyxy, parcel.inquiry.margin),
    )

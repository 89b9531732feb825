"""One run of a scripted box, in its own words: the messages that a real box would send, without any of its reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from edge.identifiers import uuid7
from edge.mqtt.clock import utc_now
from edge.mqtt.link import Outgoing
from edge.mqtt.messages import (
    BoxState,
    CameraPosition,
    CaptureTime,
    EventMessage,
    Latency,
    StatusMessage,
    WireInterval,
    WireTag,
)
from edge.mqtt.topics import Topics
from edge.tags.events import EventKind, TagSource
from edge.video.frame import ClockSource

_CODE = "4006381333931"


@dataclass(frozen=True, slots=True)
class ScriptedRun:
    """Whose words they are.

    Attributes:
        topics: Of the box.
        run_id: Of the run.
        epoch: Of its outbox.
    """

    topics: Topics
    run_id: str
    epoch: str

    def successor(self) -> "ScriptedRun":
        """Return the run that follows, over the same outbox."""
        return replace(self, run_id=_new_id(utc_now()))

    def event(self, camera: str, seq: int, lost: tuple[tuple[int, int], ...] = ()) -> EventMessage:
        """Return a read parcel, or, where seqs are lost, the event that says so."""
        now = datetime.now(timezone.utc)
        tag = WireTag(key="code", value=_CODE, score=1.0, source=TagSource.BARCODE, symbology="EAN13")
        return EventMessage(
            event_id=_new_id(now),
            site=self.topics.site,
            box=self.topics.box,
            camera=camera,
            run_id=self.run_id,
            epoch=self.epoch,
            seq=seq,
            kind=EventKind.LOST if lost else EventKind.READ,
            captured_at=CaptureTime(time=now, source=ClockSource.HOST, synchronised=True),
            frame=None,
            late=False,
            track=None,
            zone="gate",
            direction=None,
            boxes=(),
            tags=() if lost else (tag,),
            product=None,
            route=None,
            trigger_id=None,
            reason=None,
            interval=WireInterval(start=now, end=now, cause="outbox_full", seqs=lost) if lost else None,
            model_digest=None,
            published_at=now,
            latency_ms=Latency(stages={}, total=None),
            replayed=False,
        )

    def online(self, positions: Mapping[str, CameraPosition]) -> Outgoing:
        """Return the status of a box that is there, with how far its cameras' events have come."""
        return self._status(BoxState.ONLINE, positions)

    def will(self) -> Outgoing:
        """Return what the broker publishes once the box is gone."""
        return self._status(BoxState.OFFLINE, None)

    def _status(self, state: BoxState, positions: Mapping[str, CameraPosition] | None) -> Outgoing:
        now = utc_now() if positions is not None else None  # a will is written in advance
        status = StatusMessage(
            site=self.topics.site,
            box=self.topics.box,
            run_id=self.run_id,
            state=state,
            reason="connection lost" if now is None else None,
            since=now,
            published_at=now,
            versions={},
            model_digest=None,
            epoch=self.epoch,
            outbox_depth=None if now is None else 0,
            cameras=positions or {},
            consumers={},
            refused_acknowledgements=None,
        )
        return Outgoing(self.topics.status, status.to_json().encode(), retain=True)


def _new_id(now: datetime) -> str:
    return str(uuid7(int(now.timestamp() * 1000)))

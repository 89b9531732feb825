"""The trigger half of a camera's tags, without threads or I/O: triggers and pictures in, one final event a trigger."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.config import Codes
from edge.model.detections import Detections
from edge.tags.ballot import Ballot
from edge.tags.codes import CodeReader
from edge.tags.crops import AnyCrop, ClassifierUse, Look, of_zone
from edge.tags.events import EventKind, Evidence, NoReadReason, Region, TagEvent
from edge.tags.field_votes import OcrUse
from edge.tags.fields import FIELDS
from edge.tags.inquiry import Inquiry
from edge.tags.reading import PRINTED, Label, LabelReader, ParcelLabels, labels_by_row
from edge.tags.told import kind_of, tags_of
from edge.tags.tracker import Tracks
from edge.tags.triggers import Trigger
from edge.video.frame import ClockSource, Frame
from edge.video.section import Camera

_LEAD_S = 0.02  # so much before its deadline an event is decided, so that it is with the controller by then
_MOST_REGIONS = 16


@dataclass(frozen=True, slots=True)
class _Seen:
    """A picture that belongs to a trigger, and what stands in it."""

    frame: Frame
    regions: tuple[Region, ...]
    stages_ms: Mapping[str, float]

    @property
    def surest(self) -> Region | None:
        """What was found that is more than print, the surest of it."""
        return next((region for region in self.regions if region.label not in PRINTED), None)


@dataclass(slots=True)
class _Open:
    """A trigger that waits for its event."""

    trigger: Trigger
    due_s: float
    labels: ParcelLabels
    number: int
    inquiry: Inquiry
    newest: _Seen | None = None

    @property
    def sure(self) -> bool:
        """Whether nothing more needs to be known than is."""
        return bool(self.labels.ballot.texts) and self.inquiry.settled


class TriggerInterpreter:
    """Answers each trigger by exactly one event: at once when all is sure, else by the camera's deadline.

    A picture belongs to the newest trigger that came before it. With the first picture of a trigger all earlier ones
    get their events: what is before the camera now is not what they were for. All labels in a picture count, on
    parcels or not; what must not be read is for the camera's masks.

    Args:
        camera: From the configuration.
        codes: From the configuration.
        classes: The detector's, in the order of their ids.
        stopwatch: Returns monotonic seconds, for the times of its own stage.
        classifier: How what is surest in a picture is classified, None where it is not.
        ocr: How the fields in a picture are read, None where they are not.

    Raises:
        EdgekitError: The configuration names an unknown symbology.
    """

    def __init__(
        self,
        camera: Camera,
        codes: Codes,
        classes: tuple[str, ...],
        stopwatch: Callable[[], float] = time.perf_counter,
        classifier: ClassifierUse | None = None,
        ocr: OcrUse | None = None,
    ) -> None:
        self._camera = camera
        self._codes = codes
        self._classes = classes
        self._stopwatch = stopwatch
        self._classifier = classifier
        self._ocr = ocr
        self._reader = LabelReader(CodeReader(codes.formats))
        self._count = 0
        self._frame: Frame | None = None
        self._now_s = -math.inf  # on the camera's own time line
        self._open: list[_Open] = []  # in the order of their moments
        self._labels: tuple[Label, ...] = ()

    @property
    def due_s(self) -> float | None:
        """Second on the camera's time line at which it wants a tick, None where no trigger waits."""
        return min((waiting.due_s for waiting in self._open), default=None)

    @property
    def labels(self) -> tuple[Label, ...]:
        """The label regions in the newest picture that belonged to a trigger."""
        return self._labels

    def trigger(self, trigger: Trigger) -> list[TagEvent]:
        """Take a trigger; of two ways that they come, one may be slower."""
        due_s = trigger.at_s + self._camera.trigger_deadline_ms / 1000 - _LEAD_S
        self._count += 1
        inquiry = Inquiry(None, self._count, self._classifier, self._ocr)
        labels = ParcelLabels(Ballot(self._codes.agreeing_reads))
        self._open.append(_Open(trigger, due_s, labels, self._count, inquiry))
        self._open.sort(key=lambda waiting: waiting.trigger.at_s)
        return []

    def step(
        self, frame: Frame, detections: Detections, stages_ms: Mapping[str, float], *, still: bool = False
    ) -> list[TagEvent]:
        """Take the next picture; the parameters are those of `CameraInterpreter.step`."""
        self._frame = frame
        events: list[TagEvent] = []
        while len(self._open) > 1 and self._open[1].trigger.at_s <= frame.media_s:
            events.append(self._event(self._open.pop(0), frame.media_s))
        if self._open and self._open[0].trigger.at_s <= frame.media_s:
            self._look(self._open[0], frame, detections, stages_ms, still=still)
        return events + self.tick(frame.media_s)

    def wanted(self, most: int, *, read: bool) -> list[AnyCrop]:
        """Return crops of the newest frame to be looked at, see `LineInterpreter.wanted`."""
        frame, waiting = self._frame, next(iter(self._open), None)
        seen = waiting.newest if waiting is not None else None
        if frame is None or waiting is None or seen is None or seen.frame is not frame:
            return []
        crop = waiting.inquiry.crop(frame, seen.surest.xyxy) if most > 0 and seen.surest is not None else None
        field = waiting.inquiry.field_crop(frame) if read else None
        return [found for found in (crop, field) if found is not None]

    def hear(self, looks: Sequence[Look]) -> list[TagEvent]:
        """Take what was seen on crops; a trigger that waited for that alone is answered."""
        for look in of_zone(looks, None):
            for waiting in self._open:
                if waiting.number == look.number:
                    waiting.inquiry.hear(look)
        return self.tick(self._now_s)

    def know_classes(self, classes: tuple[str, ...]) -> None:
        """Take the classes of a model that has come into use: those that were, and more behind them."""
        self._classes = classes

    def tick(self, media_s: float) -> list[TagEvent]:
        """Let time pass without a picture, on the camera's own time line."""
        self._now_s = media_s
        done = [waiting for waiting in self._open if waiting.sure or media_s >= waiting.due_s]
        for waiting in done:
            self._open.remove(waiting)
        return [self._event(waiting, media_s) for waiting in done]

    def finish(self) -> list[TagEvent]:
        """Answer all triggers with what is known: no more pictures will come."""
        return self.tick(math.inf)

    def _look(
        self,
        waiting: _Open,
        frame: Frame,
        detections: Detections,
        stages_ms: Mapping[str, float],
        *,
        still: bool,
    ) -> None:
        began = self._stopwatch()
        whole = _whole_picture(frame)
        labels = labels_by_row(whole.detections.xyxy, detections, self._classes)
        if not still:
            self._reader.look(frame.image, whole, labels, [(0, waiting.labels)])
        self._labels = tuple(labels.get(0, ()))
        stages = {
            **stages_ms,
            "read": (self._stopwatch() - began) * 1000,
            "trigger": (frame.media_s - waiting.trigger.at_s) * 1000,
        }
        seen = waiting.newest = _Seen(frame, _regions(detections, self._classes), stages)
        fields = labels_by_row(whole.detections.xyxy, detections, self._classes, FIELDS).get(0, ())
        waiting.inquiry.meet(seen.surest.label if seen.surest is not None else None, fields)

    def _event(self, waiting: _Open, now_s: float) -> TagEvent:
        trigger, look = waiting.trigger, waiting.newest
        late = math.isfinite(now_s) and now_s > waiting.due_s + _LEAD_S
        if look is None:
            return unseen(self._camera.name, trigger, late=late)
        texts = waiting.labels.ballot.texts
        kind = kind_of(texts)
        found = (look.surest.label, look.surest.score) if look.surest is not None else None
        return TagEvent(
            camera=self._camera.name,
            kind=kind,
            captured_at=look.frame.captured_at,
            clock=look.frame.clock,
            arrived_s=look.frame.arrived_s,
            frame_index=look.frame.index,
            frame_size=(look.frame.width, look.frame.height),
            regions=look.regions,
            tags=tags_of(found, texts, waiting.inquiry.tags, look.frame.captured_at.date()),
            reason=self._reason(waiting.labels) if kind is EventKind.NO_READ else None,
            late=late,
            trigger_id=trigger.trigger_id,
            stages_ms=look.stages_ms,
            evidence=Evidence(look.frame),
        )

    @staticmethod
    def _reason(labels: ParcelLabels) -> NoReadReason:
        return labels.evidence.reason(any_votes=labels.ballot.any_votes)


def unseen(camera: str, trigger: Trigger, *, late: bool) -> TagEvent:
    """Return the event of a trigger for which no picture was looked at."""
    return TagEvent(
        camera=camera,
        kind=EventKind.NO_READ,
        captured_at=trigger.at,
        clock=ClockSource.HOST,
        arrived_s=trigger.at_s,
        frame_index=0,
        reason=NoReadReason.NO_IMAGE,
        late=late,
        trigger_id=trigger.trigger_id,
    )


def _whole_picture(frame: Frame) -> Tracks:
    """Return a frame as if it were one parcel: whatever label is in it belongs to what triggered it."""
    box = np.array([[0, 0, frame.width, frame.height]], np.float32)
    one = Detections(box, np.ones(1, np.float32), np.zeros(1, np.int32))
    return Tracks(one, np.zeros(1, np.int64), np.zeros(1, np.int64))


def _regions(detections: Detections, classes: Sequence[str]) -> tuple[Region, ...]:
    """Return what stands in a picture, surest first."""
    rows = np.argsort(-detections.score, kind="stable")[:_MOST_REGIONS]
    return tuple(
        Region(classes[int(detections.class_id[row])], float(detections.score[row]), _corners(detections, int(row)))
        for row in rows
    )


def _corners(detections: Detections, row: int) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in detections.xyxy[row])
    return left, top, right, bottom

"""The line half of a camera's tags, without threads or I/O: frames in, one final event a parcel and line out."""

import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edge.config import Codes
from edge.model.detections import Detections
from edge.tags.ballot import Ballot
from edge.tags.codes import CodeReader
from edge.tags.crops import AnyCrop, ClassifierUse, Look, cut_off, of_zone
from edge.tags.events import EventKind, Region, TagEvent
from edge.tags.field_votes import OcrUse
from edge.tags.fields import FIELDS
from edge.tags.inquiry import Inquiry
from edge.tags.line import Crossing, LineZone
from edge.tags.line_event import line_event
from edge.tags.parcel import Moment, Parcel, ParcelView
from edge.tags.parcel_order import to_read, told, urgency
from edge.tags.parting import parting_of
from edge.tags.reading import PRINTED, Label, LabelReader, ParcelLabels, labels_by_row
from edge.tags.tracker import Tracker, Tracks
from edge.video.frame import Frame
from edge.video.section import Camera

_FORGET_S = 5.0


class LineInterpreter:
    """Turns one camera's frames and detections into events: exactly one a parcel and line.

    A parcel that crosses a line with a sure text is told at once; without one it is waited for until the line's
    deadline, then told as not read, with the reason. Objects of all classes but those of `PRINTED` are parcels.

    Args:
        camera: From the configuration.
        codes: From the configuration.
        classes: The detector's, in the order of their ids.
        stopwatch: Returns monotonic seconds, for the times of its own stages.
        classifier: How parcels are classified, None where they are not.
        ocr: How fields on them are read, None where they are not.

    Attributes:
        read_late: Parcels whose first text was sure after their final event.

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
        self._tracker = Tracker()
        self._reader = LabelReader(CodeReader(codes.formats))
        self._parcels: dict[int, Parcel] = {}
        self._shown: list[Parcel] = []
        self._labels: list[Label] = []
        self._classifier = classifier
        self._ocr = ocr
        self._frame: Frame | None = None
        self._now_s = -math.inf  # on the camera's own time line
        self.read_late = 0

    @property
    def view(self) -> tuple[ParcelView, ...]:
        """The parcels in the newest frame."""
        return tuple(
            ParcelView(
                parcel.track_id,
                parcel.class_name,
                parcel.box,
                tuple(text.text for text in parcel.labels.ballot.texts),
                next(iter(parcel.decided.values()), None),
            )
            for parcel in self._shown
        )

    @property
    def labels(self) -> tuple[Label, ...]:
        """The label regions on parcels in the newest frame."""
        return tuple(self._labels)

    def step(
        self, frame: Frame, detections: Detections, stages_ms: Mapping[str, float], *, still: bool = False
    ) -> list[TagEvent]:
        """Take the next frame.

        Args:
            frame: In the order of capture.
            detections: What the detector found in it, in its pixels.
            stages_ms: Milliseconds that it spent in each stage so far; `track` and `read` are added.
            still: Nothing moved since the frame before it, of which these are the detections: another look at its
                labels would show the same.
        """
        began = self._stopwatch()
        tracks = (self._tracker.rest(frame.media_s) if still else None) or self._track(frame, detections)
        boxes = tracks.detections.xyxy
        labels = labels_by_row(boxes, detections, self._classes)
        fields = labels_by_row(boxes, detections, self._classes, FIELDS) if self._ocr is not None else {}
        self._shown = [self._meet(tracks, row, frame, fields.get(row, ())) for row in range(len(tracks.track_id))]
        self._labels = [label for owned in labels.values() for label in owned]
        tracked = self._stopwatch()
        zones = self._zones(frame)
        if not still:
            self._reader.look(frame.image, tracks, labels, to_read(self._shown, labels, zones, frame.index))
            self._count_late_reads()
        read = self._stopwatch()
        stages = {**stages_ms, "track": (tracked - began) * 1000, "read": (read - tracked) * 1000}
        for row, parcel in enumerate(self._shown):
            self._cross(parcel, zones, frame, labels.get(row, ()), stages)
        if self._codes.one_per_parcel:
            self._part_joint(frame)
        self._frame = frame
        return self._decide(frame.media_s)

    def wanted(self, most: int, *, read: bool) -> list[AnyCrop]:
        """Return crops of the newest frame to be looked at, most urgent first, one of a parcel at a time.

        A parcel that the picture's edge may cut off is not worth a look, unless its event waits.

        Args:
            most: Crops for the classifier.
            read: Whether a field may be asked for too.
        """
        frame = self._frame
        if frame is None:
            return []
        zones = self._zones(frame)
        crops: list[AnyCrop] = []
        for parcel in sorted(self._shown, key=lambda parcel: urgency(parcel, zones)):
            if told(parcel, zones):
                continue
            whole = parcel.waiting or not cut_off(frame, parcel.box)
            if most > 0 and whole and (crop := parcel.inquiry.crop(frame, parcel.box)) is not None:
                most -= 1
                crops.append(crop)
            if read and (field := parcel.inquiry.field_crop(frame)) is not None:
                read = False
                crops.append(field)
        return crops

    def hear(self, looks: Sequence[Look]) -> list[TagEvent]:
        """Take what was seen on crops; parcels that waited for that alone are told."""
        for look in of_zone(looks, None):
            parcel = self._parcels.get(look.number)
            if parcel is not None:
                parcel.inquiry.hear(look)
        return self._decide(self._now_s)

    def know_classes(self, classes: tuple[str, ...]) -> None:
        """Take the classes of a model that has come into use: those that were, and more behind them."""
        self._classes = classes

    def tick(self, media_s: float) -> list[TagEvent]:
        """Let time pass without a frame, on the camera's own time line."""
        return self._decide(media_s)

    def forget(self) -> list[TagEvent]:
        """Decide what still waits and forget all parcels: nobody can tell which of them come again after a gap."""
        events = self._decide(math.inf)
        self._parcels.clear()
        self._frame = None
        self._tracker.forget()
        self._shown, self._labels = [], []
        return events

    def finish(self) -> list[TagEvent]:
        """Decide what still waits: no more frames will come."""
        return self._decide(math.inf)

    def _track(self, frame: Frame, detections: Detections) -> Tracks:
        objects = [self._classes[int(class_id)] not in PRINTED for class_id in detections.class_id]
        return self._tracker.update(detections.where(np.array(objects, np.bool_)), frame.media_s)

    def _meet(self, tracks: Tracks, row: int, frame: Frame, fields: Sequence[Label]) -> Parcel:
        track_id = int(tracks.track_id[row])
        parcel = self._parcels.get(track_id) or self._begin(track_id)
        left, top, right, bottom = (float(value) for value in tracks.detections.xyxy[row])
        parcel.box = (left, top, right, bottom)
        # What was read in a box around two parcels may be the other one's, once the detector tells them apart.
        changed = parcel.watch.changed(parcel.box, cut_off=cut_off(frame, parcel.box))
        if changed and told(parcel, self._camera.lines):
            parcel.swallows |= self._codes.one_per_parcel
        elif changed:
            parcel.labels.ballot.doubt()
        parcel.class_name = self._classes[int(tracks.detections.class_id[row])]
        parcel.score = float(tracks.detections.score[row])
        parcel.outline = tracks.detections.outline(row) if self._camera.outlines else None
        parcel.seen_s = frame.media_s
        parcel.inquiry.meet(parcel.class_name, fields)
        return parcel

    def _begin(self, track_id: int) -> Parcel:
        inquiry = Inquiry(None, track_id, self._classifier, self._ocr)
        parcel = Parcel(track_id, ParcelLabels(Ballot(self._codes.agreeing_reads)), inquiry)
        self._parcels[track_id] = parcel
        return parcel

    def _part_joint(self, frame: Frame) -> None:
        """Let two parcels go on where one has two texts, each to be read anew on its own part of the box."""
        shown = {parcel.track_id for parcel in self._shown}
        for joint in self._shown:
            lost = [parcel for parcel in self._parcels.values() if parcel.track_id not in shown]
            parting = parting_of(joint, lost)
            if parting is None:
                continue
            for track_id, before in zip(
                self._tracker.divide(joint.track_id, parting.seam), parting.before, strict=True
            ):
                self._begin(track_id).continues(before, frame.media_s)
            del self._parcels[joint.track_id]

    def _count_late_reads(self) -> None:
        for parcel in self._shown:
            unread = parcel.decided and all(kind is EventKind.NO_READ for kind in parcel.decided.values())
            if unread and not parcel.waiting and parcel.labels.ballot.texts and not parcel.read_late:
                parcel.read_late = True
                self.read_late += 1

    def _zones(self, frame: Frame) -> list[LineZone]:
        return [LineZone(line, frame.width, frame.height) for line in self._camera.lines]

    def _cross(
        self,
        parcel: Parcel,
        zones: Sequence[LineZone],
        frame: Frame,
        labels: Sequence[Label],
        stages_ms: Mapping[str, float],
    ) -> None:
        for zone in zones:
            name = zone.line.name
            direction = parcel.crossings.setdefault(name, Crossing()).step(zone, *_middle(parcel.box))
            waits = any(moment.line.name == name for moment in parcel.waiting)
            if direction is None or name in parcel.decided or waits:
                continue
            whole = Region(parcel.class_name, parcel.score, parcel.box, parcel.outline)
            regions = (whole, *(_region(label) for label in labels))
            parcel.waiting.append(Moment(zone.line, direction, frame, regions, stages_ms))

    def _decide(self, now_s: float) -> list[TagEvent]:
        """Return the events of all parcels that have crossed and are sure, or whose deadline has come."""
        events: list[TagEvent] = []
        self._now_s = now_s
        for parcel in list(self._parcels.values()):
            for moment in list(parcel.waiting):
                if parcel.sure or now_s >= moment.due_s:
                    parcel.waiting.remove(moment)
                    event = line_event(self._camera.name, parcel, moment, now_s)
                    parcel.decided[moment.line.name] = event.kind
                    parcel.told |= {text.text for text in parcel.labels.ballot.texts}
                    events.append(event)
            if not parcel.waiting and now_s - parcel.seen_s > _FORGET_S:
                del self._parcels[parcel.track_id]
        return events


def _middle(box: tuple[float, float, float, float]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _region(label: Label) -> Region:
    left, top, right, bottom = (float(value) for value in label.xyxy)
    return Region(label.kind, label.score, (left, top, right, bottom))

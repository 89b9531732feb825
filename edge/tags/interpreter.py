"""The tags half of one camera, without threads or I/O: frames and detections in, final events out."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from edge.config import Codes
from edge.model.detections import Detections
from edge.tags.crops import AnyCrop, ClassifierUse, Crop, FieldCrop, Look
from edge.tags.events import EventKind, Interval, TagEvent
from edge.tags.field_votes import OcrUse
from edge.tags.line_interpreter import LineInterpreter
from edge.tags.parcel import ParcelView
from edge.tags.reading import Label
from edge.tags.shelf import ShelfInterpreter
from edge.tags.shelf_state import ShelfView
from edge.tags.trigger_interpreter import TriggerInterpreter
from edge.tags.triggers import Trigger
from edge.video.frame import ClockSource, Frame
from edge.video.health import LONGEST_HOLE_S
from edge.video.section import Camera


class CameraInterpreter:
    """Lets a camera's line half and its shelf zones see each frame, and puts together what they tell.

    A camera with shelves and without a line has no parcels: nothing is tracked and no code is read. One that waits for
    triggers has neither half, but one of its own.

    Args:
        camera: From the configuration.
        codes: From the configuration.
        classes: The detector's, in the order of their ids.
        stopwatch: Returns monotonic seconds, for the times of its own stages.
        classifier: How parcels and products are classified, None where they are not.
        ocr: How fields printed on them are read, None where they are not.

    Raises:
        EdgekitError: The configuration names an unknown symbology, an attribute that the classifier does not tell, or
            a class that the detector does not know.
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
        self._stopwatch = stopwatch
        triggered = camera.policy == "trigger"
        self._triggered = TriggerInterpreter(camera, codes, classes, stopwatch, classifier, ocr) if triggered else None
        has_line_half = bool(camera.lines) or not (camera.shelves or triggered)
        self._line = LineInterpreter(camera, codes, classes, stopwatch, classifier, ocr) if has_line_half else None
        self._shelves = [ShelfInterpreter(camera.name, shelf, classes, classifier, ocr) for shelf in camera.shelves]
        self._classifier = classifier
        self._ocr = ocr
        self._reading = False
        self._last: Frame | None = None

    @property
    def view(self) -> tuple[ParcelView, ...]:
        """The parcels in the newest frame."""
        return self._line.view if self._line is not None else ()

    @property
    def labels(self) -> tuple[Label, ...]:
        """The label regions on parcels in the newest frame."""
        half = self._line or self._triggered
        return half.labels if half is not None else ()

    @property
    def trigger_due_s(self) -> float | None:
        """Second on the camera's time line at which a trigger wants a tick, None where none waits for its event."""
        return self._triggered.due_s if self._triggered is not None else None

    @property
    def read_late(self) -> int:
        """Parcels whose first text was sure when their final event was out."""
        return self._line.read_late if self._line is not None else 0

    def trigger(self, trigger: Trigger) -> list[TagEvent]:
        """Take a controller's trigger; only for a camera with policy `trigger`."""
        if self._triggered is None:
            raise ValueError(f"camera {self._camera.name} takes no triggers")
        return self._triggered.trigger(trigger)

    @property
    def shelves(self) -> tuple[ShelfView, ...]:
        """What stands in each shelf zone, in the order of the configuration."""
        return tuple(shelf.view for shelf in self._shelves)

    def step(
        self, frame: Frame, detections: Detections, stages_ms: Mapping[str, float], *, still: bool = False
    ) -> list[TagEvent]:
        """Take the next frame.

        Args:
            frame: In the order of capture.
            detections: What the detector found in it, in its pixels.
            stages_ms: Milliseconds that it spent in each stage so far; the tags half adds its own.
            still: Nothing moved since the frame before it: another look at its labels would show the same.
        """
        events = self._superseded(frame)
        self._last = frame
        if self._line is not None:
            events += self._line.step(frame, detections, stages_ms, still=still)
        if self._triggered is not None:
            events += self._triggered.step(frame, detections, stages_ms, still=still)
        for shelf in self._shelves:
            events += shelf.step(frame, detections, stages_ms)
        return events

    def wanted(self) -> list[AnyCrop]:
        """Return the crops of the newest frame that should be looked at; a line's parcels have deadlines.

        One field of a camera is read at a time: reading takes longer than a frame, and the classifier's looks must not
        wait behind it.
        """
        most = self._classifier.looks_a_frame if self._classifier is not None else 0
        crops: list[AnyCrop] = []
        halves = [half for half in (self._line, self._triggered, *self._shelves) if half is not None]
        for half in halves:
            looks = sum(isinstance(crop, Crop) for crop in crops)
            crops += half.wanted(most - looks, read=self._ocr is not None and not self._reading)
            self._reading = self._reading or any(isinstance(crop, FieldCrop) for crop in crops)
        return crops

    def hear(self, looks: Sequence[Look]) -> list[TagEvent]:
        """Take what was seen on crops that were wanted; called between two frames, or ticks."""
        self._reading = self._reading and all(look.field is None for look in looks)
        half = self._line or self._triggered
        events = half.hear(looks) if half is not None else []
        for shelf in self._shelves:
            shelf.hear(looks)
        return events

    def know_classes(self, classes: tuple[str, ...]) -> None:
        """Take the classes of a model that has come into use: those that were, and more behind them."""
        if self._line is not None:
            self._line.know_classes(classes)
        if self._triggered is not None:
            self._triggered.know_classes(classes)
        for shelf in self._shelves:
            shelf.know_classes(classes)

    def tick(self, media_s: float) -> list[TagEvent]:
        """Let time pass without a frame, on the camera's own time line; a shelf is not judged without a picture."""
        half = self._line or self._triggered
        return half.tick(media_s) if half is not None else []

    def gap(self, interval: Interval, clock: ClockSource, arrived_s: float) -> list[TagEvent]:
        """Tell that nothing could be seen for a stretch of time, after deciding what still waited.

        Args:
            interval: The stretch.
            clock: Where its times come from.
            arrived_s: Monotonic second at which its end became known.
        """
        events = self._parcels_end()
        for shelf in self._shelves:
            events += shelf.gap()
        zones: Sequence[str | None] = [zone.name for zone in (*self._camera.lines, *self._camera.shelves)] or [None]
        return events + [self._unobserved(zone, interval, clock, arrived_s) for zone in zones]

    def finish(self) -> list[TagEvent]:
        """Decide what still waits: no more frames will come."""
        half = self._line or self._triggered
        events = half.finish() if half is not None else []
        for shelf in self._shelves:
            events += shelf.finish()
        return events

    def _superseded(self, frame: Frame) -> list[TagEvent]:
        """Tell the stretch before a frame whose own frames came and nobody had time for, where it was too long.

        Parcels may have crossed in it. What stands on a shelf can be told as well from a picture now and then.
        """
        last = self._last
        if last is None or frame.index == last.index + 1 or frame.media_s - last.media_s <= LONGEST_HOLE_S:
            return []
        # By the time line, not by the two capture times, which may be of two clocks.
        start = frame.captured_at - timedelta(seconds=frame.media_s - last.media_s)
        interval = Interval(start, frame.captured_at, "superseded")
        zones: Sequence[str | None] = [line.name for line in self._camera.lines] or [None]
        if self._line is None:
            return []
        return self._parcels_end() + [self._unobserved(zone, interval, frame.clock, frame.arrived_s) for zone in zones]

    def _parcels_end(self) -> list[TagEvent]:
        self._last = None
        return self._line.forget() if self._line is not None else []

    def _unobserved(self, zone: str | None, interval: Interval, clock: ClockSource, arrived_s: float) -> TagEvent:
        return TagEvent(
            camera=self._camera.name,
            kind=EventKind.UNOBSERVED,
            captured_at=interval.end,
            clock=clock,
            arrived_s=arrived_s,
            frame_index=0,
            zone=zone,
            interval=interval,
        )

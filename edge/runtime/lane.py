"""One camera's way back into frame order: workers finish frames as they can, tracks need them one after the other."""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from edge.model.detections import Detections
from edge.runtime.seen_by import SeenBy
from edge.tags.crops import AnyCrop, Look
from edge.tags.events import TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.tags.shelf_state import ShelfView
from edge.video.frame import Frame


@dataclass(frozen=True, slots=True)
class Inferred:
    """A frame with what the detector found in it, and the milliseconds that each stage took so far.

    A still frame, in which nothing moved since the one before it, was not inferred: it shows what that one did.

    Attributes:
        frame: The frame.
        detections: In classes of the run.
        stages_ms: By the stage's name.
        still: Whether it was not inferred.
        model_digest: Of the model that saw it, or, of a still frame, what it shows.
        classes: Of the run, by id; never fewer than before.
    """

    frame: Frame
    detections: Detections
    stages_ms: Mapping[str, float]
    still: bool = False
    model_digest: str | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Still:
    """A frame that was found to show what the one before it did."""

    frame: Frame
    stages_ms: Mapping[str, float]


EventSink = Callable[[Sequence[TagEvent]], object]
Observer = Callable[[Inferred, CameraInterpreter], None]
ShelfSink = Callable[[Sequence[ShelfView]], None]
CropSink = Callable[[AnyCrop, Callable[[Look], None]], None]
_MOST_ASKED = 4  # crops of one camera that are being looked at; a slow classifier is asked less, not later


class Lane:
    """Runs the tags half of one camera strictly in frame order, on whichever worker brings the next result.

    What fails in it may fail in a thread that goes on after any fault, a capture's or a connection's. So who comes next
    meets the same failure: a worker or the supervisor, either of which ends the run.

    Args:
        interpreter: The camera's tags half; touched under this lane's lock only.
        commit: Takes the events of a step, and has them on disk when it returns.
        observe: Called after each step, in frame order; None where nobody looks.
        tell_shelves: Takes what stands on the camera's shelves after each step, when its events are on disk.
        ask: Has a crop looked at; the answer may come at any time, from any thread. None where nothing looks.

    Attributes:
        frames: Frames that went through.
        still: Those of them that had not been inferred.
        read_late: Parcels whose first text was sure after their final event.
        trigger_due_s: Second on the camera's time line at which a trigger wants a tick, None where none waits.
    """

    def __init__(
        self,
        interpreter: CameraInterpreter,
        commit: EventSink,
        observe: Observer | None = None,
        tell_shelves: ShelfSink | None = None,
        ask: CropSink | None = None,
    ) -> None:
        self._interpreter = interpreter
        self._commit = commit
        self._observe = observe
        self._tell_shelves = tell_shelves
        self._ask = ask
        self._looks: list[Look] = []
        self._asked = 0
        self._arrivals = threading.Lock()
        self._running = threading.Lock()
        self._waiting: dict[int, Inferred | Still] = {}
        self._shown: Inferred | None = None  # what a still frame shows too
        self._seen_by = SeenBy()
        self._classes = 0
        self._failure: BaseException | None = None
        self._next_ticket = 0
        self._next_step = 0
        self.frames = 0
        self.still = 0
        self.trigger_due_s: float | None = None
        self.read_late = 0

    @property
    def in_flight(self) -> int:
        """Frames that have a ticket and have not gone through the tags half yet."""
        with self._arrivals:
            return self._next_ticket - self._next_step

    @property
    def shelves(self) -> tuple[ShelfView, ...]:
        """What stands on the camera's shelves, between two frames."""
        with self._running:
            views = self._interpreter.shelves
        self._run_waiting()
        return views

    def take_ticket(self) -> int:
        """Return the place of the next frame; call it in frame order, as the frame is taken from its camera."""
        with self._arrivals:
            ticket = self._next_ticket
            self._next_ticket += 1
            return ticket

    def deliver(self, ticket: int, inferred: Inferred | Still) -> None:
        """Bring a result; run it and all that waited for it, unless another worker is at it already."""
        with self._arrivals:
            self._waiting[ticket] = inferred
        self._run_waiting()

    @property
    def awaits(self) -> bool:
        """Whether a crop of this camera is being looked at, or what was seen on it has not been heard yet."""
        with self._arrivals:
            return self._asked > 0

    def answer(self, look: Look) -> None:
        """Bring what was seen on a crop; it is heard between two frames."""
        with self._arrivals:
            self._looks.append(look)
        self._run_waiting()

    def call(self, action: Callable[[CameraInterpreter], Sequence[TagEvent]]) -> None:
        """Run something else on the tags half (a tick, a gap, the end), between two frames."""
        with self._running, self._failing_for_all():
            self._publish(action(self._interpreter))
        self._run_waiting()

    @contextmanager
    def _failing_for_all(self) -> Generator[None]:
        """Keep what the block fails with, and fail with it where something failed before. Under the lane's lock."""
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except BaseException as exc:
            self._failure = exc
            raise

    def _has_ready(self) -> bool:
        with self._arrivals:
            return self._next_step in self._waiting or bool(self._looks)

    def _run_waiting(self) -> None:
        # Who finds the lane busy leaves: the one who holds it looks again after letting go of it.
        while self._has_ready() and self._running.acquire(blocking=False):
            try:
                with self._failing_for_all():
                    self._run_in_order()
            finally:
                self._running.release()

    def _run_in_order(self) -> None:
        while True:
            self._hear()
            with self._arrivals:
                inferred = self._waiting.pop(self._next_step, None)
            if inferred is None:
                return
            if isinstance(inferred, Still):
                inferred = self._as_shown(inferred)
            self._shown = inferred
            self._meet_model(inferred)
            self._publish(
                self._interpreter.step(inferred.frame, inferred.detections, inferred.stages_ms, still=inferred.still)
            )
            if self._observe is not None:
                self._observe(inferred, self._interpreter)
            self._have_looked_at()
            with self._arrivals:
                self.frames += 1
                self.still += inferred.still
                self._next_step += 1

    def _hear(self) -> None:
        with self._arrivals:
            looks, self._looks = self._looks, []
        if looks:
            self._publish(self._interpreter.hear(looks))
            with self._arrivals:
                self._asked -= len(looks)

    def _have_looked_at(self) -> None:
        if self._ask is None or self._asked >= _MOST_ASKED:
            return
        crops = self._interpreter.wanted()
        with self._arrivals:
            self._asked += len(crops)
        for crop in crops:
            self._ask(crop, self.answer)

    def _as_shown(self, still: Still) -> Inferred:
        if self._shown is None:
            return Inferred(still.frame, Detections.empty(), still.stages_ms, still=True)
        return replace(self._shown, frame=still.frame, stages_ms=still.stages_ms, still=True)

    def _meet_model(self, inferred: Inferred) -> None:
        self._seen_by.note(inferred.frame.index, inferred.model_digest)
        if len(inferred.classes) > self._classes:
            self._classes = len(inferred.classes)
            self._interpreter.know_classes(inferred.classes)

    def _publish(self, events: Sequence[TagEvent]) -> None:
        self.trigger_due_s = self._interpreter.trigger_due_s
        self.read_late = self._interpreter.read_late
        if events:
            self._commit([replace(event, model_digest=self._seen_by.of(event)) for event in events])
        if self._tell_shelves is not None:
            self._tell_shelves(self._interpreter.shelves)

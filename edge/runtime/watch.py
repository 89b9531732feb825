"""What a running box shows to whoever looks in from outside: its lanes fill it as they go, page and metrics read it.

A frame pays for it by a few additions. A scene, the picture with all that is known of it, is made only when it was
asked for, and encoded by the one who asked: when nobody looks, no picture costs anything.
"""

import bisect
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime  # Python 3.10 has two of that name
from dataclasses import dataclass
from queue import Empty, Full, Queue

import numpy as np

from edge.model.detections import Detections
from edge.runtime.lane import Inferred
from edge.tags.events import TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.tags.parcel import ParcelView
from edge.tags.reading import Label
from edge.tags.shelf_state import ShelfView
from edge.video.frame import Frame

BOUNDS_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2500.0)
TAGS = "tags"  # waiting for the frames before it, tracks, codes, lines, shelves and the commit of events
TOTAL = "total"  # from a frame's arrival to the end of all that
_RECENT_FRAMES = 8192
_RECENT_EVENTS = 100
_MOST_UNREAD = 100


class Histogram:
    """How often a time fell into each class of `BOUNDS_MS`, the last of which is open. Used by one thread at a time."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_MS) + 1)
        self.sum_ms = 0.0

    def add(self, ms: float) -> None:
        """Count one time."""
        self.counts[bisect.bisect_left(BOUNDS_MS, ms)] += 1
        self.sum_ms += ms


class RecentTimes:
    """The last frames' times, in memory that is taken at once: a box has no more of it after a day than at first.

    Added to by one thread at a time, read by any: the interpreter lets no thread in between the halves of a row.

    Args:
        most: How many frames are kept.
    """

    def __init__(self, most: int) -> None:
        self._rows = np.full((most, 2), -np.inf)  # monotonic second, milliseconds
        self._next = 0

    def add(self, at_s: float, ms: float) -> None:
        """Keep one time in the place of the oldest."""
        self._rows[self._next] = at_s, ms
        self._next = (self._next + 1) % len(self._rows)

    def since(self, at_s: float) -> list[tuple[float, float]]:
        """Return (monotonic second, milliseconds) of what was added from a moment on, the oldest first."""
        rows = self._rows.copy()
        rows = rows[rows[:, 0] >= at_s]
        return [(at, ms) for at, ms in rows[np.argsort(rows[:, 0], kind="stable")].tolist()]


@dataclass(frozen=True, slots=True)
class Scene:
    """A frame with all that is known of it, privacy masks applied.

    Attributes:
        frame: The frame.
        detections: What the detector found; empty for a frame that no lane has seen.
        parcels: On a camera with lines.
        labels: Label regions on these.
        shelves: On a camera with shelves.
        inferred: Whether a lane has seen the frame, so that the rest means something.
    """

    frame: Frame
    detections: Detections
    parcels: tuple[ParcelView, ...] = ()
    labels: tuple[Label, ...] = ()
    shelves: tuple[ShelfView, ...] = ()
    inferred: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it was committed, with the place that it got."""

    seq: int
    event: TagEvent


class CameraWatch:
    """One camera seen from outside. `observe` is called under its lane's lock, all else from any thread.

    Attributes:
        stages: Histograms by stage.
        stepped_s: Monotonic second of the last frame that went through the lane, None before the first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asking = threading.Lock()
        self._asked: Future[Scene] | None = None
        self._recent = RecentTimes(_RECENT_FRAMES)
        self.stages: dict[str, Histogram] = {}
        self.stepped_s: float | None = None

    def observe(self, inferred: Inferred, half: CameraInterpreter) -> None:
        """Take a frame that has gone through the lane; a scene is made of it where somebody asked for one."""
        now_s = self._clock()
        total_ms = (now_s - inferred.frame.arrived_s) * 1000
        for stage, ms in inferred.stages_ms.items():
            self._stage(stage).add(ms)
        self._stage(TAGS).add(max(0.0, total_ms - sum(inferred.stages_ms.values())))
        self._stage(TOTAL).add(total_ms)
        self._recent.add(now_s, total_ms)
        self.stepped_s = now_s
        if self._asked is not None:
            self._answer(Scene(inferred.frame, inferred.detections, half.view, half.labels, half.shelves))

    def look(self, timeout_s: float) -> Scene | None:
        """Wait for the next frame's scene; None where no frame came in time. All who wait get the same."""
        with self._asking:
            asked = self._asked = self._asked or Future()
        try:
            return asked.result(timeout_s)
        except NotInTime:
            return None

    def recent(self, seconds: float) -> list[tuple[float, float]]:
        """Return (monotonic second, milliseconds from arrival to the end of the lane) of the last frames."""
        return self._recent.since(self._clock() - seconds)

    def _stage(self, name: str) -> Histogram:
        histogram = self.stages.get(name)
        if histogram is None:
            # Replaced, not changed: readers go through it meanwhile.
            histogram = Histogram()
            self.stages = {**self.stages, name: histogram}
        return histogram

    def _answer(self, scene: Scene) -> None:
        with self._asking:
            asked, self._asked = self._asked, None
        if asked is not None:
            asked.set_result(scene)


class EventReader:
    """One who reads events as they come; it is cut off where it falls behind, so that nobody waits for it."""

    def __init__(self) -> None:
        self._unread: Queue[Told] = Queue(_MOST_UNREAD)
        self.behind = False

    def put(self, told: Told) -> None:
        """Leave an event for it; returns at once."""
        try:
            self._unread.put_nowait(told)
        except Full:
            self.behind = True

    def next(self, timeout_s: float) -> Told | None:
        """Return the next event, None where none came in time."""
        try:
            return self._unread.get(timeout=timeout_s)
        except Empty:
            return None


class Watch:
    """All that outsiders may see of what runs through a box.

    Args:
        cameras: Names of all cameras.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self.cameras: Mapping[str, CameraWatch] = {name: CameraWatch() for name in cameras}
        self._telling = threading.Lock()
        self._recent: deque[Told] = deque(maxlen=_RECENT_EVENTS)
        self._readers: list[EventReader] = []
        self._kinds: Counter[tuple[str, str]] = Counter()

    def observe(self, inferred: Inferred, half: CameraInterpreter) -> None:
        """Take a frame that has gone through its lane."""
        self.cameras[inferred.frame.camera].observe(inferred, half)

    def tell(self, events: Sequence[TagEvent], seqs: Sequence[int]) -> None:
        """Take events that were just committed."""
        with self._telling:
            for event, seq in zip(events, seqs, strict=True):
                told = Told(seq, event)
                self._kinds[event.camera, event.kind.value] += 1
                self._recent.append(told)
                for reader in self._readers:
                    reader.put(told)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the number of committed events by camera and kind."""
        with self._telling:
            return dict(self._kinds)

    def listen(self) -> tuple[EventReader, list[Told]]:
        """Return a reader that gets all events from now on, and the last ones before; end it with `leave`."""
        reader = EventReader()
        with self._telling:
            self._readers.append(reader)
            return reader, list(self._recent)

    def leave(self, reader: EventReader) -> None:
        """Let a reader go."""
        with self._telling:
            self._readers.remove(reader)

"""Keeps a live camera: tries it, watches each try from outside by its own clock, and tries again when it is lost."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from devices.redaction import redact
from edge.memory import return_free_memory
from edge.video.attempt import Attempt
from edge.video.frame import Frame
from edge.video.health import FeedState
from edge.video.section import Camera, LiveSource
from edge.video.sources import FrameSource, SourceLostError
from edge.video.watch import Blindness, PictureFault

_log = logging.getLogger(__name__)

LEAST_DELAY_S = 1.0
MOST_DELAY_S = 8.0
_FIRST_FRAME_S = 20.0  # an encoder's next key frame, without which nothing can be decoded, may be so far away
_POLL_S = 0.1
_MOST_HUNG = 4  # threads that hang in a source; a camera that hangs so many gets no further one until one returns
_MOST_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Loss:
    """Why an attempt is left behind.

    Attributes:
        reason: For people.
        state: What the feed becomes by it; None where the stream is there and only its picture stands still.
        silent_s: Seconds since when.
    """

    reason: str
    state: FeedState | None
    silent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a live camera's frames.

    Attributes:
        take: Gets every frame, in an attempt's thread, never two at a time.
        blindness: Returns what is wrong with the pictures that come, None where nothing is.
        lost: Told when nothing comes any more.
    """

    take: Callable[[Frame], None]
    blindness: Callable[[], Blindness | None]
    lost: Callable[[Loss], None]


@dataclass(frozen=True, slots=True)
class Retry:
    """When a lost camera is tried again.

    Attributes:
        least_delay_s: Shortest wait before a new attempt, seconds.
        jitter: Returns a number from 0 to 1, so that many boxes do not come back at the same moment.
        clock: Returns monotonic seconds.
    """

    least_delay_s: float
    jitter: Callable[[], float]
    clock: Callable[[], float]

    def delay_s(self, failures: int) -> float:
        """Return how long to wait after so many attempts in a row that gave nothing, seconds."""
        return backoff_s(failures, self.least_delay_s, self.jitter())


class LiveCapture:
    """A live camera's attempts, one after another.

    Args:
        camera: From the configuration; its source is live.
        open_it: Opens the source; may hang.
        viewer: Gets the frames, and is told of losses.
        retry: When to try again.
    """

    def __init__(self, camera: Camera, open_it: Callable[[], FrameSource], viewer: Viewer, retry: Retry) -> None:
        self._camera = camera
        self._open_it = open_it
        self._viewer = viewer
        self._retry = retry
        self._silence_s = _read_timeout_s(camera)
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._taking = threading.Lock()
        self._attempt: Attempt | None = None
        self._left_behind: list[Attempt] = []
        self._damaged_before = 0

    @property
    def damaged(self) -> int:
        """Pictures that came damaged, of all attempts."""
        attempt = self._attempt
        return self._damaged_before + (attempt.damaged if attempt is not None else 0)

    def run(self) -> None:
        """Try the source again and again, with growing pauses while nothing comes, until `stop`."""
        failures = 0
        while not self._stop.is_set():
            began_s = self._retry.clock()
            attempt = self._begin()
            loss = self._until_lost(attempt, failures)
            self._leave(attempt)
            if loss is None:
                return
            sees = attempt.frames > 0 and self._viewer.blindness() is None
            failures = 0 if sees else failures + 1
            # A camera that is away for days has one line in the log when it goes and one when it is back.
            _log.log(logging.WARNING if failures <= 1 else logging.DEBUG, "%s; trying again", loss.reason)
            if loss.state is None:
                continue  # the pause was given to it while its picture was watched
            self._viewer.lost(loss)
            spent_s = 0.0 if attempt.frames else self._retry.clock() - began_s
            self._stop.wait(max(self._retry.delay_s(0), self._retry.delay_s(failures) - spent_s))
            if attempt.frames:
                return_free_memory()  # what its decoder held lies between what goes on

    def stop(self) -> None:
        """End after the frame at hand; returns at once."""
        self._stop.set()
        self._wake.set()
        attempt = self._attempt
        if attempt is not None:
            attempt.abandon()

    def join(self, timeout_s: float) -> bool:
        """Wait for threads that hang in the source, after `run` has returned; False where one still does."""
        deadline_s = self._retry.clock() + timeout_s
        return all(attempt.join(max(0.0, deadline_s - self._retry.clock())) for attempt in self._left_behind)

    def _begin(self) -> Attempt:
        while len(self._left_behind) >= _MOST_HUNG and not self._stop.wait(_POLL_S):
            self._left_behind = [attempt for attempt in self._left_behind if not attempt.ended]
        attempt = Attempt(self._camera.name, self._open, self._take, self._wake, self._retry.clock)
        self._wake.clear()
        with self._taking:
            self._attempt = attempt
        if not self._stop.is_set():
            attempt.start()
        return attempt

    def _leave(self, attempt: Attempt) -> None:
        attempt.abandon()
        with self._taking:
            self._damaged_before += attempt.damaged
            self._attempt = None
        self._left_behind = [one for one in (*self._left_behind, attempt) if not one.ended]

    def _until_lost(self, attempt: Attempt, failures: int) -> Loss | None:
        """Watch an attempt until it is lost; return why, None where the capture was stopped."""
        name = self._camera.name
        patience_s = self._silence_s + self._retry.delay_s(failures)
        damaged = 0
        began_s = self._retry.clock()
        while not self._stop.is_set():
            self._wake.wait(_POLL_S)
            if self._stop.is_set():
                break
            silent_s = attempt.silent_s()
            if attempt.ended:
                return Loss(attempt.loss or f"camera {name} ended its stream", FeedState.RECONNECTING)
            if silent_s > (self._silence_s if attempt.frames else max(self._silence_s, _FIRST_FRAME_S)):
                what = "only damaged pictures" if attempt.damaged > damaged else "no frame"
                return Loss(f"camera {name}: {what} came for {silent_s:.0f} s", FeedState.STALLED, silent_s)
            if silent_s < self._silence_s / 2:
                damaged = attempt.damaged
            # What stood still before this attempt is given its time again: the attempt may have mended it.
            if attempt.frames and min(self._stands_still_for_s(), self._retry.clock() - began_s) > patience_s:
                return Loss(f"the picture of camera {name} stands still", None)
        return None

    def _stands_still_for_s(self) -> float:
        blindness = self._viewer.blindness()
        if blindness is None or blindness.fault is not PictureFault.FROZEN:
            return 0.0
        return self._retry.clock() - blindness.since_s

    def _open(self) -> FrameSource:
        try:
            return self._open_it()
        except SourceLostError:
            raise
        except Exception as exc:
            raise SourceLostError(f"camera {self._camera.name} cannot be opened: {redact(str(exc))}") from exc

    def _take(self, attempt: Attempt, frame: Frame) -> None:
        with self._taking:
            if attempt is self._attempt and not self._stop.is_set():  # else it woke up after it had been left behind
                self._viewer.take(frame)


def _read_timeout_s(camera: Camera) -> float:
    source = camera.source
    return source.read_timeout_s if isinstance(source, LiveSource) else float("inf")


def backoff_s(failures: int, least_s: float, share: float) -> float:
    """Return how long to wait before the next attempt, seconds: between `least_s` and a bound that doubles up to 8 s.

    Args:
        failures: Attempts in a row that gave no frame.
        least_s: The shortest wait.
        share: 0 to 1, where between the two to be.
    """
    longest = min(MOST_DELAY_S, least_s * 2 ** min(failures + 1, _MOST_DOUBLINGS))
    return least_s + (longest - least_s) * share

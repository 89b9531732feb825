"""One camera's capture thread: opens its source, leaves frames in their place, and brings a lost camera back."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

from devices.errors import EdgekitError
from edge.config import Camera, RtspSource, UsbSource
from edge.redaction import redact
from edge.video.frame import Frame
from edge.video.health import FeedState, Gap, Health, Pause
from edge.video.newest import FramePlace
from edge.video.sources import FrameSource, SourceLostError, is_live, open_source

_log = logging.getLogger(__name__)

LEAST_DELAY_S = 1.0
MOST_DELAY_S = 8.0
_STALLED_AFTER_TIMEOUTS = 1.5  # a read that outlives its own time-out by so much hangs
_FPS_FRAMES = 60
_MOST_DOUBLINGS = 16
LONGEST_HOLE_S = 1.0  # as long as a track lives unseen: what crosses in a longer one was seen by nobody


OpenSource = Callable[[Camera, int], FrameSource]


class CameraFeed:
    """A camera from `start` to `stop`, or to the end of its file.

    Args:
        camera: From the configuration.
        place: Where its frames go; closed when no more come.
        on_gap: Called in the capture thread when a live camera is back.
        opener: Opens the camera's source.
        jitter: Returns a number from 0 to 1, so that many boxes do not come back at the same moment.
        least_delay_s: Shortest wait before a new attempt, seconds.
    """

    def __init__(
        self,
        camera: Camera,
        place: FramePlace,
        *,
        on_gap: Callable[[Gap], None],
        opener: OpenSource = open_source,
        jitter: Callable[[], float] = random.random,
        least_delay_s: float = LEAST_DELAY_S,
    ) -> None:
        self.camera = camera
        self.place = place
        self.live = is_live(camera)
        self.error: EdgekitError | None = None
        self._on_gap = on_gap
        self._opener = opener
        self._jitter = jitter
        self._least_delay_s = least_delay_s
        self._stop = threading.Event()
        self._source: FrameSource | None = None
        self._newest: Frame | None = None
        self._pause: Pause | None = None
        self._was_paused = False
        self._status = threading.Lock()
        self._state = FeedState.STARTING
        self._since = datetime.now(timezone.utc)
        self._reason: str | None = None
        self._arrivals: deque[float] = deque(maxlen=_FPS_FRAMES)
        self._next_index = 0
        self._last_captured = datetime.now(timezone.utc)
        self._seen = False
        self._thread = threading.Thread(target=self._capture, name=f"capture-{camera.name}", daemon=True)

    def open(self) -> None:
        """Open a finite source now, so that a fault in the configuration shows before anything runs.

        Raises:
            EdgekitError: It cannot be opened.
        """
        if not self.live:
            self._source = self._opener(self.camera, 0)

    def start(self) -> None:
        """Begin to capture; what happens before the first frame of a live camera is told as not seen."""
        self._last_captured = datetime.now(timezone.utc)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the capture; False where the thread still hangs in its source after the time given."""
        self._stop.set()
        self.place.close()
        source = self._source
        if source is not None:
            source.close()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def finished(self) -> bool:
        """Whether no more frames will come."""
        return self._state in (FeedState.ENDED, FeedState.FAILED)

    @property
    def newest(self) -> Frame | None:
        """The newest frame that was captured, None before the first."""
        return self._newest

    def pause(self, reason: str) -> None:
        """Let frames go by from now on; they count neither as processed nor as dropped. Told in `health`."""
        with self._status:
            if self._pause is None:
                self._pause = Pause(datetime.now(timezone.utc), reason)

    def resume(self) -> None:
        """Take frames again; what went by meanwhile is told as a gap with the next frame."""
        with self._status:
            self._pause = None

    def health(self, now_s: float) -> Health:
        """Return how the feed does at a monotonic moment."""
        with self._status:
            state, reason = self._state, self._reason
            if state is FeedState.STREAMING and self._hangs(now_s):
                state, reason = FeedState.STALLED, "no frame came in time"
            # Who has stalled has done so since its last frame, not since it began to stream.
            since = self._last_captured if state is FeedState.STALLED else self._since
            if self._pause is not None and state is FeedState.STREAMING:
                state, reason, since = FeedState.PAUSED, self._pause.reason, self._pause.since
            arrivals = list(self._arrivals)
            frames = self._next_index
        span_s = arrivals[-1] - arrivals[0] if len(arrivals) > 1 else 0.0
        fps = round((len(arrivals) - 1) / span_s, 1) if span_s > 0 and state is FeedState.STREAMING else None
        return Health(state, since, fps, reason, frames, self.place.dropped)

    def _hangs(self, now_s: float) -> bool:
        source = self.camera.source
        if not isinstance(source, RtspSource | UsbSource) or not self._arrivals:
            return False
        return now_s - self._arrivals[-1] > source.read_timeout_s * _STALLED_AFTER_TIMEOUTS

    def _become(self, state: FeedState, reason: str | None = None) -> None:
        with self._status:
            if state is not self._state:
                self._since = datetime.now(timezone.utc)
            self._state, self._reason = state, reason

    def _capture(self) -> None:
        try:
            if self.live:
                self._capture_live()
            else:
                self._drain(self._source or self._opener(self.camera, 0))
            self._become(FeedState.ENDED)
        except EdgekitError as exc:
            self.error = exc
            self._become(FeedState.FAILED, str(exc))
        except Exception as exc:  # noqa: BLE001 - the top of the thread
            _log.exception("the capture of camera %s failed", self.camera.name)
            self.error = EdgekitError(f"the capture of camera {self.camera.name} failed: {exc}")
            self._become(FeedState.FAILED, str(exc))
        finally:
            self.place.close()

    def _capture_live(self) -> None:
        failures = 0
        while not self._stop.is_set():
            before = self._next_index
            try:
                self._source = self._open_live()
                self._drain(self._source)
            except SourceLostError as exc:
                if self._stop.is_set():
                    break
                failures = 0 if self._next_index > before else failures + 1
                self._become(FeedState.RECONNECTING, str(exc))
                _log.warning("%s; trying again", exc)
            finally:
                self._source = None
            self._stop.wait(backoff_s(failures, self._least_delay_s, self._jitter()))
        if self._state is FeedState.RECONNECTING:
            self._on_gap(Gap(self._last_captured, datetime.now(timezone.utc), "camera_lost"))

    def _open_live(self) -> FrameSource:
        try:
            return self._opener(self.camera, self._next_index)
        except SourceLostError:
            raise
        except Exception as exc:
            raise SourceLostError(f"camera {self.camera.name} cannot be opened: {redact(str(exc))}") from exc

    def _frames_of(self, source: FrameSource) -> Iterator[Frame]:
        """Yield a source's frames; whatever a live one dies of, it may come back."""
        try:
            yield from source.frames()
        except EdgekitError:
            raise
        except Exception as exc:
            if not self.live:
                raise
            raise SourceLostError(f"camera {self.camera.name} broke off: {redact(str(exc))}") from exc

    def _drain(self, source: FrameSource) -> None:
        """Leave every frame of a source in its place; tell the gap before the first one after a loss."""
        try:
            for frame in self._frames_of(source):
                if self._stop.is_set():
                    return
                self._newest = frame
                if self._goes_by():
                    continue
                self._tell_gap(frame.captured_at)
                with self._status:
                    self._arrivals.append(time.monotonic())
                    self._next_index = frame.index + 1
                self._last_captured = frame.captured_at
                self.place.put(frame)
        finally:
            source.close()

    def _goes_by(self) -> bool:
        """Whether the camera is paused, so that the frame just captured is not looked at."""
        with self._status:
            self._was_paused = self._was_paused or self._pause is not None
            if self._pause is not None and self._state is FeedState.STREAMING:
                self._arrivals.append(time.monotonic())  # it lives: nobody must take it for stalled
            return self._pause is not None

    def _tell_gap(self, captured_at: datetime) -> None:
        streaming = self._state is FeedState.STREAMING
        hole_s = (captured_at - self._last_captured).total_seconds()
        if self.live and (not streaming or hole_s > LONGEST_HOLE_S):
            cause = "no_frames" if streaming else "camera_lost" if self._seen else "start"
            cause = "paused" if self._was_paused else cause
            self._on_gap(Gap(self._last_captured, captured_at, cause))
        self._seen = True
        self._was_paused = False
        if not streaming:
            self._arrivals.clear()
            self._become(FeedState.STREAMING)


def backoff_s(failures: int, least_s: float, share: float) -> float:
    """Return how long to wait before the next attempt, seconds: between `least_s` and a bound that doubles up to 8 s.

    Args:
        failures: Attempts in a row that gave no frame.
        least_s: The shortest wait.
        share: 0 to 1, where between the two to be.
    """
    longest = min(MOST_DELAY_S, least_s * 2 ** min(failures, _MOST_DOUBLINGS))
    return least_s + (longest - least_s) * share

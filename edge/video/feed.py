"""One camera from its source to its frames' place: a finite source is played, a live one watched and brought back."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from devices.errors import EdgekitError
from edge.config import Camera, RtspSource, UsbSource
from edge.redaction import redact
from edge.video.attempt import Attempt
from edge.video.frame import ClockSource, Frame
from edge.video.health import LONGEST_HOLE_S, Drops, FeedState, Gap, Health, Pause
from edge.video.masks import PrivacyMasks
from edge.video.newest import FramePlace
from edge.video.sources import FrameSource, SourceLostError, is_live, open_source
from edge.video.watch import Blindness, PictureFault, PictureWatch

_log = logging.getLogger(__name__)

LEAST_DELAY_S = 1.0
MOST_DELAY_S = 8.0
_FIRST_FRAME_S = 20.0  # an encoder's next key frame, without which nothing can be decoded, may be so far away
_POLL_S = 0.1
_MOST_HUNG = 4  # threads that hang in a source; a camera that hangs so many gets no further one until one returns
_FPS_FRAMES = 60
_MOST_DOUBLINGS = 16


OpenSource = Callable[[Camera, int], FrameSource]


class CameraFeed:
    """A camera from `start` to `stop`, or to the end of its file.

    A live camera is captured by an `Attempt` on a thread of its own. The feed's thread watches it by its own clock: one
    that is silent for the camera's read time-out, shows only damaged pictures, or hangs, is left behind and tried
    anew. A black or frozen picture is told while the stream is held; a frozen one is also opened anew.

    Args:
        camera: From the configuration.
        place: Where its frames go; closed when no more come.
        on_gap: Called in a capture thread when a live camera shows something again.
        opener: Opens the camera's source.
        jitter: Returns a number from 0 to 1, so that many boxes do not come back at the same moment.
        least_delay_s: Shortest wait before a new attempt, seconds.
        clock: Returns monotonic seconds, those of `Frame.arrived_s`.
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.camera = camera
        self.place = place
        self.live = is_live(camera)
        self.error: EdgekitError | None = None
        self._on_gap = on_gap
        self._opener = opener
        self._jitter = jitter
        self._least_delay_s = least_delay_s
        self._clock = clock
        self._silence_s = _read_timeout_s(camera)
        self._watch = PictureWatch(camera.blind_after_s)
        self._masks = PrivacyMasks(camera.masks)
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._taking = threading.Lock()
        self._attempt: Attempt | None = None
        self._left_behind: list[Attempt] = []
        self._source: FrameSource | None = None
        self._newest: Frame | None = None
        self._pause: Pause | None = None
        self._was_paused = False
        self._status = threading.Lock()
        self._state = FeedState.STARTING
        self._since = datetime.now(timezone.utc)
        self._reason: str | None = None
        self._blindness: Blindness | None = None
        self._blind_frames = 0
        self._damaged_before = 0
        self._arrivals: deque[float] = deque(maxlen=_FPS_FRAMES)
        self._next_index = 0
        self._unseen_since_s = clock()
        self._seen = False
        self._thread = threading.Thread(target=self._capture, name=f"feed-{camera.name}", daemon=True)

    def open(self) -> None:
        """Open a finite source now, so that a fault in the configuration shows before anything runs.

        Raises:
            EdgekitError: It cannot be opened.
        """
        if not self.live:
            self._source = self._opener(self.camera, 0)

    def start(self) -> None:
        """Begin to capture; what happens before the first frame of a live camera is told as not seen."""
        self._unseen_since_s = self._clock()
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the capture; False where a thread still hangs in its source after the time given."""
        deadline = time.monotonic() + timeout_s
        self._stop.set()
        self._wake.set()
        self.place.close()
        source, attempt = self._source, self._attempt
        if source is not None:
            source.close()
        if attempt is not None:
            attempt.abandon()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        hung = [*self._left_behind, *([attempt] if attempt is not None else [])]
        return all(one.join(max(0.0, deadline - time.monotonic())) for one in hung) and not self._thread.is_alive()

    @property
    def finished(self) -> bool:
        """Whether no more frames will come."""
        return self._state in (FeedState.ENDED, FeedState.FAILED)

    @property
    def newest(self) -> Frame | None:
        """The newest frame that was captured, masks applied, None before the first."""
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

    @property
    def health(self) -> Health:
        """How the feed does now."""
        with self._status:
            attempt = self._attempt
            state, reason, since = self._state, self._reason, self._since
            if self._pause is not None and state is FeedState.STREAMING:
                state, reason, since = FeedState.PAUSED, self._pause.reason, self._pause.since
            arrivals = list(self._arrivals)
            damaged = self._damaged_before + (attempt.damaged if attempt is not None else 0)
            drops = Drops(self.place.dropped, damaged, self._blind_frames)
            frames = self._next_index
        span_s = arrivals[-1] - arrivals[0] if len(arrivals) > 1 else 0.0
        fps = round((len(arrivals) - 1) / span_s, 1) if span_s > 0 and state is FeedState.STREAMING else None
        return Health(state, since, fps, reason, frames, drops)

    def _become(self, state: FeedState, reason: str | None = None, *, ago_s: float = 0.0) -> None:
        with self._status:
            if state is not self._state:
                self._since = datetime.now(timezone.utc) - timedelta(seconds=ago_s)
            self._state, self._reason = state, reason

    def _capture(self) -> None:
        try:
            if self.live:
                self._keep_alive()
            else:
                self._play(self._source or self._opener(self.camera, 0))
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

    def _play(self, source: FrameSource) -> None:
        """Leave every frame of a finite source in its place."""
        self._become(FeedState.STREAMING)
        try:
            for frame in source.frames():
                if self._stop.is_set():
                    return
                self._masks.apply(frame.image)
                self._newest = frame
                self._pass_on(frame)
        finally:
            source.close()

    def _keep_alive(self) -> None:
        """Try the live source again and again, with growing pauses while nothing comes."""
        failures = 0
        while not self._stop.is_set():
            began_s = self._clock()
            attempt = self._begin()
            reason = self._until_lost(attempt, failures)
            self._leave(attempt)
            if self._stop.is_set():
                break
            sees = attempt.frames > 0 and self._blindness is None
            failures = 0 if sees else failures + 1
            # A camera that is away for days has one line in the log when it goes and one when it is back.
            _log.log(logging.WARNING if failures <= 1 else logging.DEBUG, "%s; trying again", reason)
            if self._blindness is None:
                spent_s = 0.0 if attempt.frames else self._clock() - began_s
                pause_s = backoff_s(failures, self._least_delay_s, self._jitter())
                self._stop.wait(max(backoff_s(0, self._least_delay_s, self._jitter()), pause_s - spent_s))
        if self._state is FeedState.RECONNECTING or self._state is FeedState.STALLED:
            cause = self._blindness.fault.value if self._blindness is not None else "camera_lost"
            self._on_gap(self._gap_until(datetime.now(timezone.utc), self._clock(), ClockSource.HOST, cause))

    def _begin(self) -> Attempt:
        while len(self._left_behind) >= _MOST_HUNG and not self._stop.wait(_POLL_S):
            self._left_behind = [attempt for attempt in self._left_behind if not attempt.ended]
        attempt = Attempt(self.camera.name, self._open_live, self._take, self._wake, self._clock)
        self._wake.clear()
        with self._taking:
            self._attempt = attempt
        if not self._stop.is_set():
            attempt.start()
        return attempt

    def _leave(self, attempt: Attempt) -> None:
        attempt.abandon()
        with self._taking, self._status:
            self._damaged_before += attempt.damaged
            self._attempt = None
        self._left_behind = [one for one in (*self._left_behind, attempt) if not one.ended]

    def _until_lost(self, attempt: Attempt, failures: int) -> str | None:
        """Watch an attempt until it is lost; return why, None where the feed was stopped."""
        patience_s = backoff_s(failures, self._least_delay_s, self._jitter())
        damaged = 0
        while not self._stop.is_set():
            self._wake.wait(_POLL_S)
            if self._stop.is_set():
                break
            silent_s = attempt.silent_s()
            if attempt.ended:
                reason = attempt.loss or f"camera {self.camera.name} ended its stream"
                return self._lost(FeedState.RECONNECTING, reason)
            if silent_s > (self._silence_s if attempt.frames else max(self._silence_s, _FIRST_FRAME_S)):
                what = "only damaged pictures" if attempt.damaged > damaged else "no frame"
                reason = f"camera {self.camera.name}: {what} came for {silent_s:.0f} s"
                return self._lost(FeedState.STALLED, reason, ago_s=silent_s)
            if silent_s < self._silence_s / 2:
                damaged = attempt.damaged
            blindness = self._blindness
            frozen = blindness is not None and blindness.fault is PictureFault.FROZEN and attempt.frames > 0
            if blindness is not None and frozen and self._clock() - blindness.since_s > self._silence_s + patience_s:
                return f"the picture of camera {self.camera.name} stands still"
        return None

    def _lost(self, state: FeedState, reason: str, *, ago_s: float = 0.0) -> str:
        if self._blindness is None:
            self._become(state, reason, ago_s=ago_s)
        return reason

    def _open_live(self) -> FrameSource:
        try:
            return self._opener(self.camera, self._next_index)
        except SourceLostError:
            raise
        except Exception as exc:
            raise SourceLostError(f"camera {self.camera.name} cannot be opened: {redact(str(exc))}") from exc

    def _take(self, attempt: Attempt, frame: Frame) -> None:
        """Take a live frame, in the attempt's thread: look whether it shows anything, mask it, pass it on."""
        with self._taking:
            if attempt is not self._attempt or self._stop.is_set():
                return  # it woke up after it had been left behind
            blindness = self._watch.see(frame.image, frame.arrived_s)
            self._masks.apply(frame.image)
            self._newest = frame
            if self._goes_by(blindness, frame.arrived_s):
                return
            self._tell_gap(frame)
            self._pass_on(frame)

    def _goes_by(self, blindness: Blindness | None, now_s: float) -> bool:
        """Whether a frame is not to be looked at: the camera is paused, or blind."""
        if blindness is not None:
            if self._blindness is None:
                told = f"the picture is {blindness.fault.value}"
                self._become(FeedState.STALLED, told, ago_s=now_s - blindness.since_s)
                _log.warning("camera %s: %s", self.camera.name, told)
                # What came since then was looked at in good faith, and showed nothing.
                self._unseen_since_s = min(self._unseen_since_s, blindness.since_s)
            self._blindness = blindness
            with self._status:
                self._blind_frames += 1
                self._next_index += 1
            return True
        with self._status:
            self._was_paused = self._was_paused or self._pause is not None
            if self._pause is not None and self._state is FeedState.STREAMING:
                self._arrivals.append(now_s)
            return self._pause is not None

    def _tell_gap(self, frame: Frame) -> None:
        streaming = self._state is FeedState.STREAMING
        if not streaming or frame.arrived_s - self._unseen_since_s > LONGEST_HOLE_S:
            cause = "no_frames" if streaming else "camera_lost" if self._seen else "start"
            cause = self._blindness.fault.value if self._blindness is not None else cause
            cause = "paused" if self._was_paused else cause
            self._on_gap(self._gap_until(frame.captured_at, frame.arrived_s, frame.clock, cause))
        self._seen = True
        self._was_paused = False
        self._blindness = None
        if not streaming:
            _log.info("camera %s shows something", self.camera.name)
            self._arrivals.clear()
            self._become(FeedState.STREAMING)

    def _gap_until(self, end: datetime, end_s: float, clock: ClockSource, cause: str) -> Gap:
        # Times of two clocks are never subtracted: the length comes from the monotonic one.
        return Gap(end - timedelta(seconds=max(0.0, end_s - self._unseen_since_s)), end, cause, clock)

    def _pass_on(self, frame: Frame) -> None:
        with self._status:
            self._arrivals.append(frame.arrived_s)
            self._next_index = frame.index + 1
        self._unseen_since_s = frame.arrived_s
        self.place.put(frame)


def _read_timeout_s(camera: Camera) -> float:
    source = camera.source
    return source.read_timeout_s if isinstance(source, RtspSource | UsbSource) else float("inf")


def backoff_s(failures: int, least_s: float, share: float) -> float:
    """Return how long to wait before the next attempt, seconds: between `least_s` and a bound that doubles up to 8 s.

    Args:
        failures: Attempts in a row that gave no frame.
        least_s: The shortest wait.
        share: 0 to 1, where between the two to be.
    """
    longest = min(MOST_DELAY_S, least_s * 2 ** min(failures + 1, _MOST_DOUBLINGS))
    return least_s + (longest - least_s) * share

"""One camera from its source to its frames' place: a finite source is played, a live one kept and looked after."""

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from devices.errors import EdgekitError
from edge.video.feed_status import FeedStatus
from edge.video.frame import ClockSource, Frame
from edge.video.health import LONGEST_HOLE_S, FeedState, Gap, Health
from edge.video.live import LEAST_DELAY_S, LiveCapture, Loss, Retry, Viewer
from edge.video.masks import PrivacyMasks
from edge.video.newest import FramePlace
from edge.video.section import Camera
from edge.video.sources import FrameSource, is_live, open_source
from edge.video.watch import Blindness, PictureWatch

_log = logging.getLogger(__name__)

OpenSource = Callable[[Camera, int], FrameSource]


class CameraFeed:
    """A camera from `start` to `stop`, or to the end of its file.

    A live camera is kept by a `LiveCapture`: one that is silent for the camera's read time-out, shows only damaged
    pictures, or hangs, is left behind and tried anew. A black or frozen picture is told while the stream is held; a
    frozen one is also opened anew.

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
        self._clock = clock
        self._status = FeedStatus()
        self._watch = PictureWatch(camera.blind_after_s)
        self._masks = PrivacyMasks(camera.masks)
        viewer = Viewer(self._take, lambda: self._blindness, self._lose)
        self._capture = LiveCapture(camera, self._open, viewer, Retry(least_delay_s, jitter, clock))
        self._stop = threading.Event()
        self._source: FrameSource | None = None
        self._newest: Frame | None = None
        self._blindness: Blindness | None = None
        self._was_paused = False
        self._unseen_since_s = clock()
        self._seen = False
        self._thread = threading.Thread(target=self._run, name=f"feed-{camera.name}", daemon=True)

    def open(self) -> None:
        """Open a finite source now, so that a fault in the configuration shows before anything runs.

        Raises:
            EdgekitError: It cannot be opened.
        """
        if not self.live:
            self._source = self._open()

    def start(self) -> None:
        """Begin to capture; what happens before the first frame of a live camera is told as not seen."""
        self._unseen_since_s = self._clock()
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the capture; False where a thread still hangs in its source after the time given."""
        deadline_s = time.monotonic() + timeout_s
        self._stop.set()
        self.place.close()
        self._capture.stop()
        source = self._source
        if source is not None:
            source.close()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        left_s = max(0.0, deadline_s - time.monotonic())
        return not self._thread.is_alive() and self._capture.join(left_s)

    @property
    def finished(self) -> bool:
        """Whether no more frames will come."""
        return self._status.state in (FeedState.ENDED, FeedState.FAILED)

    @property
    def newest(self) -> Frame | None:
        """The newest frame that was captured, masks applied, None before the first."""
        return self._newest

    def pause(self, reason: str) -> None:
        """Let frames go by from now on; they count neither as processed nor as dropped. Told in `health`."""
        self._status.pause(reason)

    def resume(self) -> None:
        """Take frames again; what went by meanwhile is told as a gap with the next frame."""
        self._status.resume()

    @property
    def health(self) -> Health:
        """How the feed does now."""
        return self._status.health(superseded=self.place.dropped, damaged=self._capture.damaged)

    def _open(self) -> FrameSource:
        self._watch.reopened()
        return self._opener(self.camera, self._status.next_index)

    def _run(self) -> None:
        try:
            if self.live:
                self._capture.run()
                self._tell_last_gap()
            else:
                self._play(self._source or self._open())
            self._status.become(FeedState.ENDED)
        except EdgekitError as exc:
            self.error = exc
            self._status.become(FeedState.FAILED, str(exc))
        except Exception as exc:  # noqa: BLE001 - the top of the thread
            _log.exception("the capture of camera %s failed", self.camera.name)
            self.error = EdgekitError(f"the capture of camera {self.camera.name} failed: {exc}")
            self._status.become(FeedState.FAILED, str(exc))
        finally:
            self.place.close()

    def _play(self, source: FrameSource) -> None:
        """Leave every frame of a finite source in its place."""
        self._status.become(FeedState.STREAMING)
        try:
            for frame in source.frames():
                if self._stop.is_set():
                    return
                shown = self._masks.cover(frame)
                self._newest = shown
                self._pass_on(shown)
        finally:
            source.close()

    def _take(self, frame: Frame) -> None:
        """Take a live frame: look whether it shows anything, mask it, pass it on."""
        blindness = self._watch.see(frame.luma, frame.arrived_s, is_key=frame.is_key)
        frame = self._masks.cover(frame)
        self._newest = frame
        if blindness is not None:
            self._see_nothing(frame, blindness)
        elif self._status.paused:
            self._was_paused = True
            self._status.arrived(frame)
        else:
            self._tell_gap(frame)
            self._pass_on(frame)

    def _see_nothing(self, frame: Frame, blindness: Blindness) -> None:
        if self._blindness is None:
            told = f"the picture is {blindness.fault.value}"
            self._status.become(FeedState.STALLED, told, ago_s=frame.arrived_s - blindness.since_s)
            _log.warning("camera %s: %s", self.camera.name, told)
            # What came since then was looked at in good faith, and showed nothing.
            self._unseen_since_s = min(self._unseen_since_s, blindness.since_s)
        self._blindness = blindness
        self._status.arrived_blind(frame)

    def _lose(self, loss: Loss) -> None:
        self._blindness = None  # of a camera that is away nothing is known
        if loss.state is not None:
            self._status.become(loss.state, loss.reason, ago_s=loss.silent_s)

    def _tell_gap(self, frame: Frame) -> None:
        streaming = self._status.state is FeedState.STREAMING
        if not streaming or self._was_paused or frame.arrived_s - self._unseen_since_s > LONGEST_HOLE_S:
            cause = "no_frames" if streaming else "camera_lost" if self._seen else "start"
            cause = self._blindness.fault.value if self._blindness is not None else cause
            cause = "paused" if self._was_paused else cause
            self._on_gap(self._gap_until(frame.captured_at, frame.arrived_s, frame.clock, cause))
        self._seen = True
        self._was_paused = False
        self._blindness = None
        if not streaming:
            _log.info("camera %s shows something", self.camera.name)
            self._status.become(FeedState.STREAMING)

    def _tell_last_gap(self) -> None:
        """Tell what a camera that shows nothing as the run ends has not seen until then."""
        if self._status.state in (FeedState.RECONNECTING, FeedState.STALLED):
            cause = self._blindness.fault.value if self._blindness is not None else "camera_lost"
            self._on_gap(self._gap_until(datetime.now(timezone.utc), self._clock(), ClockSource.HOST, cause))

    def _gap_until(self, end: datetime, end_s: float, clock: ClockSource, cause: str) -> Gap:
        # Times of two clocks are never subtracted: the length comes from the monotonic one.
        return Gap(end - timedelta(seconds=max(0.0, end_s - self._unseen_since_s)), end, cause, clock)

    def _pass_on(self, frame: Frame) -> None:
        self._status.arrived(frame)
        self._unseen_since_s = frame.arrived_s
        self.place.put(frame)

"""Threads of a running box: workers between the cameras' places and their lanes, and a supervisor over all of it."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from devices.errors import EdgekitError
from edge.mqtt.messages import CameraDrops, CameraState, CameraStatusMessage
from edge.runtime.intake import Intake, Task
from edge.runtime.lane import Inferred, Lane, Still
from edge.runtime.model_in_use import LoadedModel, ModelInUse
from edge.runtime.pulse import Pulse, Watchdog
from edge.runtime.service_manager import ServiceManager
from edge.runtime.shadow import Seen
from edge.tags.events import Interval
from edge.video.feed import CameraFeed
from edge.video.health import FeedState, Gap, Health

_log = logging.getLogger(__name__)

_TAKE_S = 0.2
_SUPERVISE_S = 0.05
_STATUS_S = 1.0
_STOP_FEED_S = 2.0
_DRAIN_LANE_S = 30.0
_STATES = {
    FeedState.STARTING: CameraState.RECONNECTING,
    FeedState.STREAMING: CameraState.STREAMING,
    FeedState.STALLED: CameraState.STALLED,
    FeedState.RECONNECTING: CameraState.RECONNECTING,
    FeedState.ENDED: CameraState.DISABLED,
    FeedState.FAILED: CameraState.STALLED,
    FeedState.PAUSED: CameraState.DISABLED,
}


@dataclass(frozen=True, slots=True)
class RunningCamera:
    """A camera's feed and the lane that its frames end in."""

    feed: CameraFeed
    lane: Lane


@dataclass(frozen=True, slots=True)
class StatusSender:
    """Where camera statuses go, and whose they are."""

    site: str
    box: str
    run_id: str
    send: Callable[[CameraStatusMessage], None]


class Runner:
    """Runs cameras until their files end, or until it is told to stop.

    Args:
        models: Shared by all cameras; each frame goes through the model that was in use as it was taken.
        cameras: Each with its feed, not yet started, and its lane.
        intake: Over the same cameras.
        statuses: Where camera statuses go.
        tend: Called with each tick, for what has to be tried again.
        manager: Who started this process and restarts it where a stage hangs.
    """

    def __init__(
        self,
        models: ModelInUse,
        cameras: Sequence[RunningCamera],
        intake: Intake,
        statuses: StatusSender,
        tend: Callable[[], None],
        manager: ServiceManager | None = None,
    ) -> None:
        self._models = models
        self._cameras = cameras
        self._intake = intake
        self._statuses = statuses
        self._tend = tend
        self._manager = manager or ServiceManager()
        self._pulse = Pulse()
        self._watchdog = Watchdog(self._pulse, self._manager)
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._told: dict[str, FeedState] = {}
        self._told_s = 0.0

    def run(self, stop: threading.Event) -> None:
        """Run until every camera has ended or `stop` is set; everything on its way is finished first.

        Raises:
            EdgekitError: A file broke off, or a stage failed.
        """
        workers = [
            threading.Thread(target=self._work, name=f"inference-{number}", daemon=True)
            for number in range(self._models.current.detector.info.requests)
        ]
        for thread in (*workers, *(camera.feed for camera in self._cameras)):
            thread.start()
        self._manager.ready(f"{len(self._cameras)} cameras")
        try:
            while not (stop.is_set() or self._ended.is_set() or self._over):
                self._supervise()
                stop.wait(self._until_next_tick_s())
        except Exception as exc:  # noqa: BLE001 - told below like a worker's: a lane may have failed for both at once
            _log.exception("the supervisor failed")
            self.fail(exc)
        except BaseException as exc:
            self._failure = exc
            raise
        finally:
            self._manager.stopping()
            self._wind_up(workers, abandon=stop.is_set() or self._lost_for_good)
        self._raise_failures()

    @property
    def _over(self) -> bool:
        return self._lost_for_good or all(camera.feed.finished for camera in self._cameras)

    @property
    def _lost_for_good(self) -> bool:
        """Whether a live camera's own thread ended: only a new run can bring it back, so this one ends."""
        return any(camera.feed.live and camera.feed.error is not None for camera in self._cameras)

    def _until_next_tick_s(self) -> float:
        """Return seconds until a tick is due: soon enough for all deadlines, to the point for those of triggers."""
        due_s = min((due for camera in self._cameras if (due := camera.lane.trigger_due_s) is not None), default=None)
        return _SUPERVISE_S if due_s is None else min(_SUPERVISE_S, max(0.001, due_s - time.monotonic()))

    def _supervise(self) -> None:
        self._watchdog.turn()
        now_s = time.monotonic()
        for camera in self._cameras:
            if camera.feed.live:  # a file's own time line stands still between two frames
                camera.lane.call(lambda half: half.tick(now_s))
        self._tend()
        healths = {camera.feed.camera.name: camera.feed.health for camera in self._cameras}
        changed = any(self._told.get(name) is not health.state for name, health in healths.items())
        if changed or now_s - self._told_s >= _STATUS_S:
            self._tell(healths, now_s)

    def _tell(self, healths: dict[str, Health], now_s: float) -> None:
        self._told_s = now_s
        read_late = {camera.feed.camera.name: camera.lane.read_late for camera in self._cameras}
        for name, health in healths.items():
            self._told[name] = health.state
            self._statuses.send(
                CameraStatusMessage(
                    site=self._statuses.site,
                    box=self._statuses.box,
                    camera=name,
                    run_id=self._statuses.run_id,
                    state=_STATES[health.state],
                    since=health.since,
                    fps=health.fps,
                    drops=CameraDrops(**asdict(health.drops)),
                    read_late=read_late[name],
                    reason=health.reason,
                )
            )

    def fail(self, fault: BaseException) -> None:
        """End the run since a stage failed."""
        self._failure = fault
        self._ended.set()

    def beat(self, stage: str) -> None:
        """Say that a stage goes on; one that has said so once and no longer does has hung."""
        self._pulse.beat(stage)

    def _work(self) -> None:
        try:
            stage = threading.current_thread().name
            while not self._ended.is_set():
                self._pulse.beat(stage)
                task = self._intake.take(_TAKE_S)
                if task is not None:
                    inferred = _rest(task) if task.still else self._infer(task)
                    task.lane.deliver(task.ticket, inferred)
                    self._show(inferred)
        except BaseException as exc:  # noqa: BLE001 - the top of a thread: one stage that fails ends the run
            _log.exception("an inference worker failed")
            self.fail(exc)

    def _infer(self, task: Task) -> Inferred:
        """Run a frame through the model that it was taken for, or through the one before it where that fails."""
        try:
            return self._infer_by(task.model, task)
        except Exception as exc:
            better = self._models.instead_of(task.model, exc)
            if better is None:
                raise
            return self._infer_by(better, task)

    def _infer_by(self, model: LoadedModel, task: Task) -> Inferred:
        """Run the frame's way through a model, with the milliseconds that each stage took."""
        begin = time.monotonic()
        tensor, letterbox = model.detector.prepare(task.frame)
        prepared = time.monotonic()
        outputs = model.detector.infer(tensor)
        inferred = time.monotonic()
        detections = model.decode(outputs, letterbox)
        stages_ms = {
            "wait": (begin - task.frame.arrived_s) * 1000,
            "prepare": (prepared - begin) * 1000,
            "infer": (inferred - prepared) * 1000,
            "decode": (time.monotonic() - inferred) * 1000,
        }
        self._models.took(model, stages_ms["infer"])
        return Inferred(task.frame, detections, stages_ms, model_digest=model.digest, classes=model.classes)

    def _show(self, done: Inferred | Still) -> None:
        """Let a model that may come look at what was inferred; its lane has it already, so nothing waits for that."""
        shadow = self._models.shadow
        if shadow is not None and isinstance(done, Inferred):
            shadow.offer(Seen(done.frame, done.detections, done.stages_ms["infer"]))

    def _wind_up(self, workers: Sequence[threading.Thread], *, abandon: bool) -> None:
        """Stop the feeds, let what they delivered go through, end the workers, decide what still waits."""
        if abandon or self._failure is not None:
            self._stop_feeds()
        deadline = time.monotonic() + _DRAIN_LANE_S
        while self._failure is None and time.monotonic() < deadline and self._anything_on_its_way():
            time.sleep(0.005)
        self._ended.set()
        for worker in workers:
            worker.join(_STOP_FEED_S)
        self._stop_feeds()
        for camera in self._cameras:
            if self._failure is None:
                camera.lane.call(lambda half: half.finish())
        now_s = time.monotonic()
        self._tell({camera.feed.camera.name: camera.feed.health for camera in self._cameras}, now_s)

    def _stop_feeds(self) -> None:
        """Tell all feeds to end, then wait for them together: one that hangs costs no other its time."""
        for camera in self._cameras:
            camera.feed.stop(0.0)
        deadline = time.monotonic() + _STOP_FEED_S
        for camera in self._cameras:
            camera.feed.stop(max(0.0, deadline - time.monotonic()))

    def _anything_on_its_way(self) -> bool:
        return self._intake.waiting or any(camera.lane.in_flight or camera.lane.awaits for camera in self._cameras)

    def _raise_failures(self) -> None:
        if isinstance(self._failure, EdgekitError):
            raise self._failure
        if self._failure is not None:
            raise EdgekitError(f"a stage of the runtime failed: {self._failure}") from self._failure
        for camera in self._cameras:
            if camera.feed.error is not None:
                raise camera.feed.error


def _rest(task: Task) -> Still:
    return Still(task.frame, {"wait": (time.monotonic() - task.frame.arrived_s) * 1000})


def tell_gap(lane: Lane, gap: Gap) -> None:
    """Let a camera's tags half say what was not seen while the camera was away."""
    interval = Interval(gap.start, gap.end, gap.cause)
    arrived_s = time.monotonic()
    lane.call(lambda half: half.gap(interval, gap.clock, arrived_s))

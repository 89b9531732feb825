"""Where workers get their next frame: every camera in turn, and from none more than it may have on its way."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from edge.runtime.lane import Lane
from edge.runtime.model_in_use import LoadedModel, ModelInUse
from edge.video.frame import Frame
from edge.video.motion import MotionGate
from edge.video.newest import FramePlace


@dataclass(frozen=True, slots=True)
class Task:
    """A frame, where its result belongs, which model is to see it, and whether it shows what the one before it did."""

    lane: Lane
    ticket: int
    frame: Frame
    model: LoadedModel
    still: bool = False


@dataclass(frozen=True, slots=True)
class Inlet:
    """One camera on its way to inference: where it leaves its frames, its lane, and its gate where it has one.

    A patient camera, one that plays a file, gives no frame while crops of earlier ones are being looked at: its time
    line does not run on by itself.
    """

    place: FramePlace
    lane: Lane
    gate: MotionGate | None = None
    patient: bool = False


class Intake:
    """Hands frames to workers.

    A camera whose tags half is behind is passed over, so that its backlog waits in its own place, where the newest
    frame replaces older ones, and not in inference.

    Args:
        cameras: Each camera's way in.
        most_in_flight: Frames of one camera that may be between here and the end of its lane.
        models: Frames get the model that is in use as they are taken, so that an exchange falls between two frames.
    """

    def __init__(self, cameras: Sequence[Inlet], most_in_flight: int, models: ModelInUse) -> None:
        self._cameras = list(cameras)
        self._most_in_flight = most_in_flight
        self._models = models
        self._seen_by: dict[int, str] = {}  # by index of the camera: the model that saw its last frame
        self._turn = threading.Condition()
        self._first = 0

    def wake(self) -> None:
        """Say that a frame has come, or that a lane has room again: one worker looks, and wakes the next for more."""
        with self._turn:
            self._turn.notify()

    @property
    def waiting(self) -> bool:
        """Whether any camera has left a frame that nobody took yet."""
        with self._turn:  # not between a frame's leaving its place and its getting a ticket
            return any(camera.place.waiting for camera in self._cameras)

    def take(self, timeout_s: float) -> Task | None:
        """Return the next frame, None where none came in time."""
        with self._turn:  # the lock keeps tickets in the order in which frames leave their place
            task = self._look()
            if task is None and self._turn.wait(timeout_s):
                task = self._look()
            if task is not None and any(self._ready(camera) and camera.place.waiting for camera in self._cameras):
                self._turn.notify()
            return task

    def _look(self) -> Task | None:
        count = len(self._cameras)
        for offset in range(count):
            index = (self._first + offset) % count
            camera = self._cameras[index]
            frame = camera.place.get(timeout_s=0) if self._ready(camera) else None
            if frame is not None:
                self._first = (index + 1) % count
                model = self._models.current
                # Under the lock: a gate sees its camera's frames in order, those that were superseded never.
                still = camera.gate is not None and camera.gate.is_still(frame)
                still = still and self._seen_by.get(index) == model.digest  # a new model has to look for itself
                self._seen_by[index] = model.digest
                return Task(camera.lane, camera.lane.take_ticket(), frame, model, still)
        return None

    def _ready(self, camera: Inlet) -> bool:
        """Whether a camera may have one more frame on its way."""
        return camera.lane.in_flight < self._most_in_flight and not (camera.patient and camera.lane.awaits)

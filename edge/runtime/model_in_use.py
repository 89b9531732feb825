"""The model that all workers use, and how another one takes its place between two frames, on probation at first."""

import logging
import threading
from collections import deque
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edge.model.bundle import Bundle
from edge.model.detections import Detections
from edge.model.detector import Detector
from edge.model.engine import Outputs
from edge.model.geometry import Letterbox
from edge.runtime.shadow import Shadow

_log = logging.getLogger(__name__)

_LAST_TIMES = 50  # inferences over which the usual time of the model in use is reckoned


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A detector with the bundle that it comes from.

    Tracks and places outlive an exchange, so a class has one id for the whole run, whatever id each model gives it.

    Attributes:
        bundle: Verified.
        detector: Loaded from it, and proved.
        classes: Of the run, by id: those of all its models until now, never fewer.
        run_ids: (classes of the detector,) int32, the run's id by the detector's own.
    """

    bundle: Bundle
    detector: Detector
    classes: tuple[str, ...]
    run_ids: NDArray[np.int32]

    @classmethod
    def of(cls, bundle: Bundle, detector: Detector, known: tuple[str, ...] = ()) -> "LoadedModel":
        """Return a model for a run that knows some classes already."""
        classes = known + tuple(name for name in detector.classes if name not in known)
        return cls(bundle, detector, classes, np.array([classes.index(name) for name in detector.classes], np.int32))

    @property
    def digest(self) -> str:
        """Of the bundle; what events name the model by."""
        return self.bundle.digest

    def decode(self, outputs: Outputs, letterbox: Letterbox) -> Detections:
        """Return what the predictions say, in pixels of the picture and classes of the run."""
        found = self.detector.decode(outputs, letterbox)
        return replace(found, class_id=self.run_ids[found.class_id])

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Return what stands in a picture (H, W, 3) uint8 BGR, in classes of the run."""
        tensor, letterbox = self.detector.prepare(image)
        return self.decode(self.detector.infer(tensor), letterbox)

    def at_threshold(self, score: float) -> "LoadedModel":
        """Return the same model with another score below which nothing counts."""
        return replace(self, detector=self.detector.at_threshold(score))


@dataclass(frozen=True, slots=True)
class Probation:
    """How the model in use has done since its exchange.

    Attributes:
        before: The one that it took the place of.
        usual_ms: What that one took for a frame, None where it was never measured.
    """

    before: LoadedModel
    usual_ms: float | None


class ModelInUse:
    """What all workers use for their next frame; an exchange disturbs no frame on its way. Any thread may call it.

    Attributes:
        current: The model for the next frame that is taken from a camera.
        shadow: What looks at finished frames too, None where nothing does.
        failure: Why the model in use was rolled back since the last exchange, None where it was not.
    """

    def __init__(self, model: LoadedModel) -> None:
        self.current = model
        self.shadow: Shadow | None = None
        self.failure: str | None = None
        self._probation: Probation | None = None
        self._set_score: float | None = None
        self._times_ms: deque[float] = deque(maxlen=_LAST_TIMES)
        self._lock = threading.Lock()

    @property
    def usual_ms(self) -> float | None:
        """Median time of the last inferences of the model in use, None where there were none."""
        with self._lock:
            return median(self._times_ms) if self._times_ms else None

    def exchange(self, model: LoadedModel, usual_ms: float | None) -> None:
        """Use another model from the next frame on; the old one is kept until `settle` or `roll_back`.

        Args:
            model: The other model.
            usual_ms: What the old one takes for a frame while nothing else runs beside it, None where that is unknown.
        """
        with self._lock:
            self._probation = Probation(self.current, usual_ms)
            self.failure = None
            self.current = self.as_set(model)
            self._times_ms.clear()

    def settle(self) -> str | None:
        """End the probation and let go of the old model; return why it was rolled back, None where it was not."""
        with self._lock:
            self._probation = None
            return self.failure

    def roll_back(self, reason: str) -> None:
        """Use the old model again, where the present one is still on probation."""
        with self._lock:
            self._roll_back(reason)

    def set_threshold(self, score: float) -> None:
        """Let the model in use, and any that takes its place, count nothing below a score from the next frame on."""
        with self._lock:
            self._set_score = score
            self.current = self.as_set(self.current)

    def as_set(self, model: LoadedModel) -> LoadedModel:
        """Return a model with the threshold that was set in this run, where one was."""
        score = self._set_score
        return model if score is None else model.at_threshold(score)

    def took(self, model: LoadedModel, infer_ms: float) -> None:
        """Note how long a model took for a frame."""
        with self._lock:
            if model.digest == self.current.digest:
                self._times_ms.append(infer_ms)

    def slower_by(self, least_frames: int) -> float | None:
        """Return by which factor the model on probation takes longer than the old one, None as long as it is unsure."""
        with self._lock:
            usual_ms = self._probation.usual_ms if self._probation is not None else None
            if usual_ms is None or len(self._times_ms) < least_frames:
                return None
            return median(self._times_ms) / max(usual_ms, 1e-6)

    def instead_of(self, model: LoadedModel, fault: Exception) -> LoadedModel | None:
        """Return what to use for a frame on which a model failed; None where it has no better.

        A model on probation that fails is rolled back here and now: the frame at hand must not be lost.
        """
        with self._lock:
            if model.digest == self.current.digest:
                self._roll_back(f"it failed on a frame: {fault}")
            return self.current if self.current.digest != model.digest else None

    def _roll_back(self, reason: str) -> None:
        if self._probation is not None:
            _log.warning("model %s is rolled back: %s", self.current.digest[:12], reason)
            # What the new one added to the run's classes stays: tracks and places may be of them.
            self.current = replace(self.as_set(self._probation.before), classes=self.current.classes)
            self._probation, self.failure = None, reason
            self._times_ms.clear()

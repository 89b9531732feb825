"""The detector that all workers use, in the classes of the run."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge import __version__
from edge.model.bundle import Bundle
from edge.model.detections import Detections
from edge.model.detector import Detector
from edge.model.engine import Outputs
from edge.model.geometry import Bgr, Letterbox
from edge.runtime.in_use import InUse


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

    @property
    def versions(self) -> dict[str, str]:
        """What runs it, by name and version: the kit and the engine."""
        return {"edgekit": __version__, self.detector.info.backend: self.detector.info.version}

    def decode(self, outputs: Outputs, letterbox: Letterbox) -> Detections:
        """Return what the predictions say, in pixels of the picture and classes of the run."""
        found = self.detector.decode(outputs, letterbox)
        return replace(found, class_id=self.run_ids[found.class_id])

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Return what stands in a picture (H, W, 3) uint8 BGR, in classes of the run."""
        tensor, letterbox = self.detector.prepare(Bgr(image))
        return self.decode(self.detector.infer(tensor), letterbox)

    def at_threshold(self, score: float) -> "LoadedModel":
        """Return the same model with another score below which nothing counts."""
        return replace(self, detector=self.detector.at_threshold(score))


class ModelInUse(InUse[LoadedModel]):
    """The detector that all workers use for their next frame."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        self._set_score: float | None = None

    def set_threshold(self, score: float) -> None:
        """Let the model in use, and any that takes its place, count nothing below a score from the next frame on."""
        with self._lock:
            self._set_score = score
            self.current = self.as_set(self.current)

    def as_set(self, model: LoadedModel) -> LoadedModel:
        """Return a model with the threshold that was set in this run, where one was."""
        score = self._set_score
        return model if score is None else model.at_threshold(score)

    def _come_back(self, model: LoadedModel) -> LoadedModel:
        # What the new one added to the run's classes stays: tracks and places may be of them.
        return replace(self.as_set(model), classes=self.current.classes)

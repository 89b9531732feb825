"""A model that threads use, and how another one takes its place between two looks, on probation at first."""

import logging
import threading
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Any, Generic, Protocol, TypeVar

from edge.runtime.shadow import Shadow

_log = logging.getLogger(__name__)

_LAST_TIMES = 50  # inferences over which the usual time of the model in use is reckoned


class Digested(Protocol):
    """A loaded model, a detector or a classifier: it is known by the digest of its bundle."""

    @property
    def digest(self) -> str:
        """Of the bundle; what events name the model by."""
        ...


Model = TypeVar("Model", bound=Digested)


@dataclass(frozen=True, slots=True)
class Probation(Generic[Model]):
    """How the model in use has done since its exchange.

    Attributes:
        before: The one that it took the place of.
        usual_ms: What that one took for a look, None where it was never measured.
    """

    before: Model
    usual_ms: float | None


class InUse(Generic[Model]):
    """What all threads use for their next look; an exchange disturbs none on its way. Any thread may call it.

    Attributes:
        current: The model for the next look.
        shadow: What is shown what was looked at, None where nothing is.
        failure: Why the model in use was rolled back since the last exchange, None where it was not.
    """

    def __init__(self, model: Model) -> None:
        self.current = model
        self.shadow: Shadow[Any, Any] | None = None
        self.failure: str | None = None
        self._probation: Probation[Model] | None = None
        self._times_ms: deque[float] = deque(maxlen=_LAST_TIMES)
        self._lock = threading.Lock()

    @property
    def usual_ms(self) -> float | None:
        """Median time of the last looks of the model in use, None where there were none."""
        with self._lock:
            return median(self._times_ms) if self._times_ms else None

    def as_set(self, model: Model) -> Model:
        """Return a model with what was set in this run."""
        return model

    def _come_back(self, model: Model) -> Model:
        """Return the model before as it is used again."""
        return self.as_set(model)

    def exchange(self, model: Model, usual_ms: float | None) -> None:
        """Use another model from the next look on; the old one is kept until `settle` or `roll_back`.

        Args:
            model: The other model.
            usual_ms: What the old one takes while nothing else runs beside it, None where that is unknown.
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

    def took(self, model: Model, infer_ms: float) -> None:
        """Note how long a model took."""
        with self._lock:
            if model.digest == self.current.digest:
                self._times_ms.append(infer_ms)

    def slower_by(self, least_looks: int) -> float | None:
        """Return by which factor the model on probation takes longer than the old one, None as long as it is unsure."""
        with self._lock:
            usual_ms = self._probation.usual_ms if self._probation is not None else None
            if usual_ms is None or len(self._times_ms) < least_looks:
                return None
            return median(self._times_ms) / max(usual_ms, 1e-6)

    def instead_of(self, model: Model, fault: Exception) -> Model | None:
        """Return what to use for what a model failed on; None where it has no better.

        A model on probation that fails is rolled back here and now: what is at hand must not be lost.
        """
        with self._lock:
            if model.digest == self.current.digest:
                self._roll_back(f"it failed on a picture: {fault}")
            return self.current if self.current.digest != model.digest else None

    def _roll_back(self, reason: str) -> None:
        if self._probation is not None:
            _log.warning("model %s is rolled back: %s", self.current.digest[:12], reason)
            self.current = self._come_back(self._probation.before)
            self._probation, self.failure = None, reason
            self._times_ms.clear()

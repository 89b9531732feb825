"""Watches all cameras of a box for drift: fed by lanes and by events on their way, read by status, log and metrics."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, ValidationError

from devices.errors import EdgekitError
from devices.validation import explain
from edge.drift.figures import Window
from edge.drift.judge import Judge, Off
from edge.drift.section import Drift
from edge.durable import write_whole
from edge.model.detections import Detections
from edge.mqtt.wire import WireModel
from edge.tags.events import TagEvent
from edge.video.frame import Frame

_log = logging.getLogger(__name__)

_LOOKS_A_WINDOW = 60  # frames of a window that are looked at; more would tell no more


class DriftState(WireModel):
    """The file: windows of the time when all was well, by camera and figure."""

    schema_id: Literal["edgekit.drift/1"] = Field(
        default="edgekit.drift/1", validation_alias="schema", serialization_alias="schema"
    )
    model: str = Field(description="digest of the bundle that they are of")
    cameras: Mapping[str, Mapping[str, tuple[float, ...]]]


class DriftWatch:
    """Watches cameras. May be used from any thread.

    Args:
        settings: Windows and the file of the measure.
        cameras: Names of all.
        model: Digest of the model in use.

    Raises:
        EdgekitError: The file is there and holds no measure.
    """

    def __init__(self, settings: Drift, cameras: Sequence[str], model: str) -> None:
        self._settings = settings
        self._model = model
        self._lock = threading.Lock()
        state = _read(settings)
        known = state.cameras if state is not None and state.model == model else {}
        self._judges = {name: self._judge(known.get(name, {})) for name in cameras}
        self._windows: dict[str, Window] = {}
        self._looked_s: dict[str, float] = {}

    def see_frame(self, frame: Frame, found: Detections, classes: Sequence[str], model: str) -> None:
        """Take a frame that went through its lane, in order; most are passed over."""
        every_s = self._settings.window_s / _LOOKS_A_WINDOW
        with self._lock:
            if model != self._model:
                self._begin_anew(model)
            if frame.media_s - self._looked_s.get(frame.camera, -every_s) < every_s:
                return
            self._looked_s[frame.camera] = frame.media_s
            window = self._windows.get(frame.camera)
            if window is not None and not 0 <= frame.media_s - window.start_s < self._settings.window_s:
                self._finish(frame.camera, window)
                window = None
            if window is None:
                window = self._windows[frame.camera] = Window(frame.captured_at, frame.media_s)
            labels = [classes[int(number)] for number in found.class_id]
            window.add_frame(frame, labels, [float(score) for score in found.score])

    def see_events(self, events: Sequence[TagEvent]) -> None:
        """Take events with what they were decided on."""
        with self._lock:
            for event in events:
                window = self._windows.get(event.camera)
                if window is not None:
                    window.add_event(event)

    @property
    def off(self) -> dict[str, tuple[Off, ...]]:
        """All that has moved, by camera."""
        with self._lock:
            return {name: judge.off for name, judge in self._judges.items()}

    @property
    def learning(self) -> dict[str, bool]:
        """Whether the measure is still being taken, by camera."""
        with self._lock:
            return {name: judge.learning for name, judge in self._judges.items()}

    @property
    def alarms(self) -> tuple[str, ...]:
        """What has moved, for the box's status."""
        return tuple(f"camera {name} drifts: {each}" for name, moved in self.off.items() for each in moved)

    def _judge(self, reference: Mapping[str, Sequence[float]]) -> Judge:
        return Judge(reference, self._settings.reference_windows, self._settings.alarm_windows)

    def _begin_anew(self, model: str) -> None:
        self._model = model
        self._judges = {name: self._judge({}) for name in self._judges}
        self._windows, self._looked_s = {}, {}

    def _finish(self, camera: str, window: Window) -> None:
        judge = self._judges[camera]
        learning = judge.learning
        judge.take(window.means(), window.start)
        if learning and not judge.learning:
            self._save()

    def _save(self) -> None:
        """Keep the measure over a restart; where that fails it is taken anew then, and the log says so."""
        whole = {name: judge.reference for name, judge in self._judges.items() if not judge.learning}
        state = DriftState(
            model=self._model,
            cameras={
                name: {figure: tuple(values) for figure, values in reference.items()}
                for name, reference in whole.items()
            },
        )
        try:
            write_whole(self._settings.state, state.to_json().encode(), 0o600)
        except OSError as exc:
            _log.warning("the measure of drift cannot be kept in %s (%s)", self._settings.state, exc.strerror)


def _read(settings: Drift) -> DriftState | None:
    try:
        return DriftState.model_validate_json(settings.state.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise EdgekitError(f"{settings.state} cannot be read ({exc.strerror}): check state in [drift]") from exc
    except ValidationError as exc:
        raise EdgekitError(
            f"{settings.state} holds no measure of drift ({explain(exc, DriftState)}): remove it to take one anew"
        ) from exc

"""A running box as outsiders may read it: the one seam through which page, metrics and incidents see the runtime."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from edge.config import BoxConfig
from edge.model.detections import Detections
from edge.model.engine import EngineInfo
from edge.mqtt.messages import LookCounts
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.predict.predictor import Finder, Predictor
from edge.runtime.assembly import Assembly
from edge.runtime.keeping import Keeping
from edge.runtime.model_in_use import ModelInUse
from edge.runtime.runner import RunningCamera
from edge.runtime.watch import CameraWatch, Scene, Watch
from edge.tags.photo import PhotoReader
from edge.video.health import Health
from edge.video.section import Camera


@dataclass(frozen=True, slots=True)
class CameraView:
    """One camera at one moment.

    Attributes:
        camera: From the configuration.
        live: Whether it goes on without end.
        health: How its feed does.
        frames: Frames that went through every stage.
        still: Frames of those that were not inferred, since nothing had moved.
        read_late: Parcels whose first text was sure after their final event.
        in_flight: Frames between its place and the end of its lane.
        waiting: Whether a frame waits in its place.
        watch: What its lane shows.
    """

    camera: Camera
    live: bool
    health: Health
    frames: int
    still: int
    read_late: int
    in_flight: int
    waiting: bool
    watch: CameraWatch


@dataclass(frozen=True, slots=True)
class ModelView:
    """The model in use: name and version as its maker gave them, its digest, what runs it, the classes of the run."""

    name: str
    version: str
    digest: str
    engine: EngineInfo
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutboxView:
    """How full the outbox is, what this run discarded, and how many events each named consumer has not acknowledged."""

    depth: int
    most: int
    discarded: int
    unacknowledged: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BoxParts:
    """The runtime's own parts that a view reads, and changes nothing of."""

    models: ModelInUse
    assembly: Assembly
    outbox: Outbox
    publisher: Publisher
    watch: Watch
    keeping: Keeping


class BoxView:
    """What may be read of a running box, from any thread.

    Args:
        config: The box.
        run_id: Of this run.
        versions: Software by name and version.
        parts: Of the runtime.
    """

    def __init__(self, config: BoxConfig, run_id: str, versions: Mapping[str, str], parts: BoxParts) -> None:
        self.config = config
        self.run_id = run_id
        self.versions = versions
        self.watch = parts.watch
        self.keeping = parts.keeping
        self._parts = parts
        self._began_s = time.monotonic()

    @property
    def uptime_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began_s

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted a connection that still stands."""
        return self._parts.publisher.connected

    @property
    def model(self) -> ModelView:
        """The model in use."""
        model = self._parts.models.current
        manifest = model.bundle.manifest
        return ModelView(manifest.name, manifest.version, model.digest, model.detector.info, model.classes)

    @property
    def looks(self) -> Mapping[str, LookCounts]:
        """How often crops were looked at, and how often that failed, by who looks."""
        return self._parts.assembly.looking.counts

    @property
    def occupied(self) -> bool:
        """Whether a frame of any camera waits for the models."""
        return any(running.feed.place.waiting for running in self._parts.assembly.cameras)

    def predictor(self, codes: PhotoReader | None) -> Predictor:
        """Return what tells of single pictures what the box's models, as they are now, and a code reader see."""
        model, classifiers = self._parts.models.current, self._parts.assembly.looking.models
        namer = classifiers.current.namer if classifiers is not None else None
        return Predictor(Finder(model.detector, model.digest), namer, codes)

    def cameras(self) -> tuple[CameraView, ...]:
        """Return how each camera does, in the order of the configuration."""
        return tuple(self._camera(running) for running in self._parts.assembly.cameras)

    def camera(self, name: str) -> CameraView | None:
        """Return how one camera does, None where there is none of that name."""
        found = next((running for running in self._parts.assembly.cameras if running.feed.camera.name == name), None)
        return self._camera(found) if found is not None else None

    def scene(self, name: str, timeout_s: float) -> Scene | None:
        """Return the next scene of a camera; its newest picture alone where none comes; None where it gave none yet."""
        scene = self.watch.cameras[name].look(timeout_s)
        if scene is not None:
            return scene
        running = next(running for running in self._parts.assembly.cameras if running.feed.camera.name == name)
        newest = running.feed.newest
        return Scene(newest, Detections.empty(), inferred=False) if newest is not None else None

    def outbox(self) -> OutboxView:
        """Return how full the outbox is."""
        outbox = self._parts.outbox
        acknowledged = outbox.acknowledged()
        last = {camera: position.last_seq for camera, position in outbox.positions().items()} if acknowledged else {}
        unacknowledged = {
            consumer: sum(last.values()) - sum(upto.get(camera, 0) for camera in last)
            for consumer, upto in acknowledged.items()
        }
        return OutboxView(outbox.depth, self.config.outbox.max_events, outbox.discarded, unacknowledged)

    def _camera(self, running: RunningCamera) -> CameraView:
        feed, lane = running.feed, running.lane
        return CameraView(
            camera=feed.camera,
            live=feed.live,
            health=feed.health,
            frames=lane.frames,
            still=lane.still,
            read_late=lane.read_late,
            in_flight=lane.in_flight,
            waiting=feed.place.waiting,
            watch=self.watch.cameras[feed.camera.name],
        )

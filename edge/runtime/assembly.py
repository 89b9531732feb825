"""The cameras of a box: each one's feed, place and lane, wired to the intake that all workers share."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from edge.config import BoxConfig
from edge.mqtt.messages import ModelKind
from edge.mqtt.status import Condition
from edge.runtime.detections import DetectionSender, both
from edge.runtime.intake import Inlet, Intake
from edge.runtime.lane import EventSink, Lane, Observer
from edge.runtime.loading import requests_for
from edge.runtime.look_stage import Listener
from edge.runtime.looking import Looking
from edge.runtime.model_in_use import ModelInUse
from edge.runtime.runner import Runner, RunningCamera, StatusSender, tell_gap
from edge.runtime.shelves import ShelfTeller
from edge.runtime.swap_classifier import ClassifierSwap
from edge.runtime.swap_detector import DetectorSwap
from edge.runtime.swappable import Swappable
from edge.tags.events import TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.tags.shelf_state import ShelfView
from edge.video.feed import CameraFeed, OpenSource
from edge.video.motion import MotionGate
from edge.video.newest import FramePlace, FrameQueue, NewestFrame
from edge.video.section import Camera
from edge.video.sources import is_live, open_source
from edge.video.triggered import TriggeredFrames

_STOP_LOOKING_S = 5.0


class Assembly:
    """Feeds, places and lanes of all cameras, wired to one intake.

    Args:
        config: The box.
        models: Shared by all cameras.
        observe: Looks at each frame of each camera; None where nobody does.
        detections: Looks at the frames of cameras whose detections are to go out.
        looking: What looks at crops, not yet started.

    Attributes:
        commit: Takes the events of a step; set before the cameras start.
        tell_shelf: Takes what stands on a shelf; set before the cameras start.
        intake: Where workers get frames.
        looking: What looks at crops.
        cameras: Each with its feed, not yet started.
    """

    def __init__(
        self,
        config: BoxConfig,
        models: ModelInUse,
        observe: Observer | None,
        detections: DetectionSender,
        looking: Looking,
    ) -> None:
        self.commit: EventSink = _not_yet
        self.tell_shelf: Callable[[ShelfView], None] = _nobody_listens
        self.looking = looking
        self._models = models
        places: list[FramePlace] = []
        lanes: list[Lane] = []
        for camera in config.cameras:
            interpreter = CameraInterpreter(
                camera, config.codes, models.current.classes, classifier=looking.classifier, ocr=looking.ocr
            )
            teller = ShelfTeller(self._tell_shelf) if camera.shelves else None
            look = both(observe, detections) if camera.name in config.mqtt.detections else observe
            ask = None if looking.idle else looking.ask
            lanes.append(Lane(interpreter, self._commit, look, teller, ask))
            places.append(_place(camera, lanes[-1], self._announce))
        # One frame in each request, and one more that is ready when a request becomes free.
        gates = [MotionGate() if camera.policy == "motion" else None for camera in config.cameras]
        patient = [not is_live(camera) for camera in config.cameras]
        inlets = [Inlet(*each) for each in zip(places, lanes, gates, patient, strict=True)]
        self.intake = Intake(inlets, requests_for(config) + 1, models)
        self.cameras = [
            RunningCamera(CameraFeed(camera, place, on_gap=partial(tell_gap, lane), opener=_opener(gate)), lane)
            for camera, place, lane, gate in zip(config.cameras, places, lanes, gates, strict=True)
        ]

    @property
    def triggered(self) -> dict[str, Lane]:
        """The lanes of cameras that wait for triggers, by the camera's name."""
        cameras = [(each.feed.camera, each.lane) for each in self.cameras]
        return {camera.name: lane for camera, lane in cameras if camera.policy == "trigger"}

    def shelves(self) -> dict[str, tuple[ShelfView, ...]]:
        """Return by camera what stands on its shelves, for cameras that have any."""
        return {camera.feed.camera.name: camera.lane.shelves for camera in self.cameras if camera.feed.camera.shelves}

    def swappable(self, config: BoxConfig) -> dict[ModelKind, Swappable]:
        """Return what command `reload_bundle` may exchange."""
        kinds: dict[ModelKind, Swappable] = {ModelKind.DETECTOR: DetectorSwap(config, self._models)}
        if self.looking.models is not None:
            kinds[ModelKind.CLASSIFIER] = ClassifierSwap(config, self.looking.models)
        return kinds

    def condition(self, alarms: tuple[str, ...]) -> Condition:
        """Return what the box's status tells of its models, and of what is wrong.

        Args:
            alarms: What is wrong elsewhere.
        """
        looking = self.looking
        score_threshold = self._models.current.detector.score_threshold
        return Condition(score_threshold, alarms + looking.alarms, looking.classifier_digest, looking.counts)

    def runner(self, models: ModelInUse, statuses: StatusSender, tend: Callable[[], None], stack: ExitStack) -> Runner:
        """Return who runs the cameras; what looks at crops goes on until the stack unwinds."""
        runner = Runner(models, self.cameras, self.intake, statuses, tend)
        stack.callback(self.looking.stop, _STOP_LOOKING_S)
        self.looking.start(Listener(self.intake.wake, runner.fail, runner.beat))
        return runner

    def _announce(self) -> None:
        self.intake.wake()

    def _commit(self, events: Sequence[TagEvent]) -> None:
        digest = self.looking.classifier_digest
        self.commit(events if digest is None else [replace(event, classifier_digest=digest) for event in events])

    def _tell_shelf(self, view: ShelfView) -> None:
        self.tell_shelf(view)


def _not_yet(events: Sequence[TagEvent]) -> None:
    raise RuntimeError(f"{len(events)} events came before the outbox was open")


def _nobody_listens(view: ShelfView) -> None:
    raise RuntimeError(f"shelf {view.zone} had something to tell before the publisher was there")


def _place(camera: Camera, lane: Lane, announce: Callable[[], None]) -> FramePlace:
    if camera.policy == "trigger":
        return TriggeredFrames(NewestFrame(announce), lambda: lane.trigger_due_s is not None)
    newest = is_live(camera) if camera.policy in ("auto", "motion") else camera.policy == "latest"
    return NewestFrame(announce) if newest else FrameQueue(announce=announce)


def _opener(gate: MotionGate | None) -> OpenSource:
    return open_source if gate is None else partial(open_source, resting=gate.rests)

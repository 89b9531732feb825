"""The demonstration: a rendered clip through the whole runtime to a broker, and what came over it scored."""

import hashlib
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2

from devices.errors import EdgekitError
from edge.config import Box, BoxConfig, Bundle, Codes, Inference
from edge.demo.endings import require_ending
from edge.demo.listener import Listener
from edge.demo.score import Decision, Parcel, Score, score
from edge.demo.truth import ClipTruth, load
from edge.model.detector import Backend
from edge.mqtt.broker import EmbeddedBroker
from edge.mqtt.messages import EventMessage
from edge.mqtt.section import Mqtt, Outbox
from edge.mqtt.topics import Topics
from edge.runtime.box import run_box
from edge.runtime.lane import Inferred
from edge.runtime.summary import RunSummary
from edge.tags.draw import draw
from edge.tags.interpreter import CameraInterpreter, ParcelView
from edge.tags.reading import Label
from edge.video.section import Camera, FileSource
from edge.zones import Line

HERE = Path(__file__).parent
CLIP = HERE / "conveyor.mp4"
BUNDLE = HERE / "bundle"
TRUSTED_KEY = HERE / "bundle.pub"
SITE, BOX, CAMERA, LINE = "demo", "box-1", "belt", "gate"
_LAST_EVENT_S = 2.0


@dataclass(frozen=True, slots=True)
class Demonstration:
    """How a run of the demonstration went.

    Attributes:
        score: Events against ground truth.
        summary: The runtime's own.
        clip_fps: Frames a second at which the clip was recorded.
        first_event_s: Seconds from the start to the first event that came over the broker; None without any.
        events: As they came.
    """

    score: Score
    summary: RunSummary
    clip_fps: int
    first_event_s: float | None
    events: tuple[EventMessage, ...]

    @property
    def passed(self) -> bool:
        """Whether the score holds; how fast it went is told beside it and is the machine's affair."""
        return self.score.passed

    @property
    def keeps_pace(self) -> bool:
        """Whether the clip was played at least as fast as it was recorded."""
        return self.summary.frames_per_second >= self.clip_fps


def run_demo(
    picture: Path,
    *,
    on_event: Callable[[EventMessage], None],
    clip: Path,
    truth: ClipTruth,
    bundle: Path = BUNDLE,
    trusted_key: Path = TRUSTED_KEY,
    backend: Backend = "auto",
) -> Demonstration:
    """Run the demonstration.

    Args:
        picture: Where the frame that shows most is saved, with boxes and texts drawn in.
        on_event: Called for each event as it comes over the broker.
        clip: The video.
        truth: Its ground truth.
        bundle: The model.
        trusted_key: Who must have signed it.
        backend: The engine.

    Raises:
        EdgekitError: Something cannot be read or started, or the picture cannot be written.
    """
    require_ending(picture)
    began = time.monotonic()
    first: list[float] = []
    events: list[EventMessage] = []
    snapshot = _Snapshot()

    def take(event: EventMessage) -> None:
        first.append(time.monotonic() - began)
        events.append(event)
        on_event(event)

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgekit-demo-")))
        broker = stack.enter_context(EmbeddedBroker())
        topic = Topics(SITE, BOX).events(CAMERA)
        listener = stack.enter_context(Listener(broker.host, broker.port, topic, take))
        config = _config(clip, truth.line_x, bundle, trusted_key, backend, broker, folder)
        summary = run_box(config, threading.Event(), snapshot.look)
        deadline = time.monotonic() + _LAST_EVENT_S
        while len(events) < sum(summary.events.values()) and time.monotonic() < deadline:
            time.sleep(0.01)
        if listener.failure is not None:
            raise EdgekitError(listener.failure)
    snapshot.save(picture, config.cameras[0].lines)
    return Demonstration(
        score=_score(truth, events),
        summary=summary,
        clip_fps=truth.fps,
        first_event_s=first[0] if first else None,
        events=tuple(events),
    )


def load_truth(clip: Path) -> ClipTruth:
    """Read the ground truth that lies beside a clip, as `.json`.

    Raises:
        EdgekitError: There is none, it is not valid, or it is another clip's.
    """
    path = clip.with_suffix(".json")
    truth = load(path)
    try:
        digest = hashlib.sha256(clip.read_bytes()).hexdigest()
    except OSError as exc:
        raise EdgekitError(f"the clip {clip} cannot be read: {exc.strerror}") from exc
    if digest != truth.sha256:
        raise EdgekitError(f"{path} is not the ground truth of {clip}: render both anew")
    return truth


def _config(
    clip: Path, line_x: float, bundle: Path, trusted_key: Path, backend: Backend, broker: EmbeddedBroker, folder: Path
) -> BoxConfig:
    line = Line(name=LINE, start=(line_x, 1.0), end=(line_x, 0.0), direction="left_to_right")
    camera = Camera(name=CAMERA, source=FileSource(kind="file", path=clip), line=(line,))
    return BoxConfig(
        box=Box(site=SITE, name=BOX),
        bundle=Bundle(path=bundle, trusted_keys=(trusted_key,)),
        # Its own bundle holds INT8 alone: nothing is to be measured before the first event.
        inference=Inference(backend=backend, precision="int8" if bundle == BUNDLE else "auto"),
        mqtt=Mqtt(host=broker.host, port=broker.port),
        outbox=Outbox(path=folder / "outbox.sqlite"),
        codes=Codes(one_per_parcel=True),  # as its renderer makes them
        camera=(camera,),
    )


def _score(truth: ClipTruth, events: list[EventMessage]) -> Score:
    parcels = [
        Parcel(parcel.id, tuple(truth.moved_s(frame) for frame in parcel.crossing_frames), parcel.text)
        for parcel in truth.parcels
    ]
    decisions = [
        Decision(truth.moved_s(event.frame.index), tuple(tag.value for tag in event.tags if tag.key == "code"))
        for event in events
        if event.frame is not None
    ]
    return score(parcels, decisions)


class _Snapshot:
    """Keeps the frame that shows most: parcels that were read count most, then label regions."""

    def __init__(self) -> None:
        self._best = -1
        self._inferred: Inferred | None = None
        self._parcels: tuple[ParcelView, ...] = ()
        self._labels: tuple[Label, ...] = ()

    def look(self, inferred: Inferred, half: CameraInterpreter) -> None:
        """Take a frame if it shows as much as the one kept, so that of equals the latest stays."""
        parcels, labels = half.view, half.labels
        worth = 3 * sum(bool(parcel.texts) for parcel in parcels) + len(labels)
        worth += 2 * sum(parcel.decided is not None for parcel in parcels)
        if worth >= self._best:
            self._best, self._inferred, self._parcels, self._labels = worth, inferred, parcels, labels

    def save(self, path: Path, lines: tuple[Line, ...]) -> None:
        """Write the frame with everything drawn in.

        Raises:
            EdgekitError: It cannot be written.
        """
        if self._inferred is None:
            return
        image = draw(self._inferred.frame.image, self._parcels, self._labels, lines)
        coded = cv2.imencode(path.suffix, image)[1]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(coded.tobytes())
        except OSError as exc:
            raise EdgekitError(f"cannot write the picture {path}: {exc.strerror}") from exc

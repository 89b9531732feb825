"""Proves the software that runs this: a frame goes through every stage, from a camera's place to a broker's subscriber.

The box's own model runs as its configuration says, with the golden self-test at its start; camera, outbox and broker
are made for the purpose, so that nothing of the running box is touched and no site hears of it.
"""

import shutil
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from devices.errors import EdgekitError
from edge.config import BoxConfig, RoutingFiles
from edge.demo.listener import Listener
from edge.model.bundle import Bundle, open_bundle
from edge.mqtt.broker import EmbeddedBroker
from edge.mqtt.messages import EventMessage
from edge.mqtt.section import Mqtt, Outbox
from edge.mqtt.topics import Topics
from edge.runtime.box import run_box
from edge.video.section import Camera, FolderSource
from edge.zones import Shelf

CAMERA, ZONE = "proof", "all"
_FPS = 10.0
_FRAMES = 30
_STANDS_S = 1.0  # well within the frames' three seconds
_LAST_EVENT_S = 5.0
_LEAST_SCORE = 0.01


def prove(config: BoxConfig, outbox: Path) -> EventMessage:
    """Let the bundle's own picture pass through a whole box, and hear over a broker that what is in it was found.

    Args:
        config: Of the box; nothing that it names is written to.
        outbox: A new file; it stays, for the release before to read.

    Returns:
        The event that came over the broker.

    Raises:
        EdgekitError: The model does not prove itself, a stage failed, or no event came out at the end.
    """
    bundle = open_bundle(config.bundle.path, config.bundle.trusted_keys)
    labels = {expected.label for expected in bundle.manifest.self_test.expected}
    events: list[EventMessage] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="edgekit-proof-")))
        broker = stack.enter_context(EmbeddedBroker())
        topic = Topics(config.box.site, config.box.name).events(CAMERA)
        listener = stack.enter_context(Listener(broker.host, broker.port, topic, events.append))
        summary = run_box(
            _box(config, bundle, Mqtt(host=broker.host, port=broker.port), outbox, folder), threading.Event()
        )
        end_s = time.monotonic() + _LAST_EVENT_S
        while _wanted(events, labels, bundle.digest) is None and time.monotonic() < end_s:
            time.sleep(0.01)
        if listener.failure is not None:
            raise EdgekitError(listener.failure)
    wanted = _wanted(events, labels, bundle.digest)
    if wanted is None:
        raise EdgekitError(
            f"{summary.frames} frames with {', '.join(sorted(labels))} went into the runtime, and no event of it came "
            f"over the broker: {len(events)} others did, {summary.undelivered} were not delivered"
        )
    return wanted


def _wanted(events: list[EventMessage], labels: set[str], digest: str) -> EventMessage | None:
    """Return the event that says that what the picture shows stands there, by this very model."""
    return next(
        (
            event
            for event in events
            if event.stock is not None and event.stock.tag in labels and event.model_digest == digest
        ),
        None,
    )


def _box(config: BoxConfig, bundle: Bundle, mqtt: Mqtt, outbox: Path, folder: Path) -> BoxConfig:
    """Return a box with the model of another, and everything else of its own."""
    test = bundle.manifest.self_test
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(_FRAMES):
        (pictures / f"{number:02}{Path(test.picture).suffix}").write_bytes(bundle.read(test.picture))
    # How the model runs was measured by the box itself: measuring it again would take a minute from the cameras.
    state = folder / "inference"
    measured = config.inference.state or config.outbox.path.parent / "inference"
    if measured.is_dir():
        shutil.copytree(measured, state)
    weakest = min(expected.score for expected in test.expected) - test.score_tolerance
    least = min(bundle.manifest.thresholds.score, max(_LEAST_SCORE, weakest))
    labels = tuple(sorted({expected.label for expected in test.expected}))
    shelf = Shelf(name=ZONE, rectangle=(0, 0, 1, 1), tags=labels, occluders=(), debounce_s=_STANDS_S)
    return config.model_copy(
        update={
            "inference": config.inference.model_copy(update={"state": state, "score_threshold": least}),
            "mqtt": mqtt,
            "outbox": Outbox(path=outbox),
            "routing": RoutingFiles(),
            "commands": None,
            "trigger_socket": None,
            "web": None,
            "cameras": (
                Camera(name=CAMERA, source=FolderSource(kind="folder", path=pictures, fps=_FPS), shelf=(shelf,)),
            ),
        }
    )

"""A box put together from its configuration, run, and taken apart in order."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from edge import __version__
from edge.config import BoxConfig
from edge.identifiers import uuid7
from edge.memory import map_pictures, return_free_memory
from edge.model.bundle import open_bundle
from edge.mqtt.audit import AuditLog
from edge.mqtt.bounds import Bounds
from edge.mqtt.commands import CommandDesk, CommandHall, Desk
from edge.mqtt.conversion import Origin
from edge.mqtt.home_assistant import Discovery
from edge.mqtt.messages import SwapMessage
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.topics import Topics
from edge.runtime.alarms import Alarms
from edge.runtime.assembly import Assembly
from edge.runtime.control import BoxControl
from edge.runtime.detections import DetectionSender, both
from edge.runtime.dispatch import Dispatch
from edge.runtime.event_control import ABOUT_EVENTS, EventControl
from edge.runtime.keeping import Keeping
from edge.runtime.lane import Observer
from edge.runtime.loading import load_for_box, tell_loading
from edge.runtime.looking import Looking, load_looking
from edge.runtime.model_in_use import LoadedModel, ModelInUse
from edge.runtime.restarts import Operator
from edge.runtime.runner import StatusSender
from edge.runtime.service_manager import ServiceManager
from edge.runtime.shelves import ShelfSender
from edge.runtime.summary import RunSummary, Tally
from edge.runtime.swap import ModelSwap
from edge.runtime.trigger_socket import TriggerListener
from edge.runtime.triggers import TriggerDesk
from edge.runtime.view import BoxParts, BoxView
from edge.runtime.vital_signs import SignsTeller, runtime_folder
from edge.runtime.watch import Watch
from edge.tags.events import TagEvent
from edge.tags.routing import Routing

_log = logging.getLogger(__name__)

_DRAIN_OUTBOX_S = 10.0
_STOP_COMMANDS_S = 5.0
_STOP_SWAP_S = 10.0


def run_box(
    config: BoxConfig, stop: threading.Event, observe: Observer | None = None, operator: Operator | None = None
) -> RunSummary:
    """Run a box until its files end or `stop` is set.

    What can be wrong with the configuration is found before anything is written but how the model runs on this machine:
    bundle, routing, sources, broker, in this order; the outbox is created after the sources.

    Args:
        config: The box.
        stop: Set it to end the run; frames on their way are finished, events delivered.
        observe: Called after each frame of any camera, in that camera's frame order.
        operator: What the box's page may do to it; None where it may only look.

    Raises:
        EdgekitError: Something in the configuration cannot be used, a file broke off, or a stage failed.
    """
    inside = _put_together(config, observe)
    assembly = inside.assembly
    with ExitStack() as stack:
        for camera in assembly.cameras:
            stack.callback(camera.feed.stop, 0.0)
            camera.feed.open()
        outbox = stack.enter_context(_outbox(config, inside.origin))
        publisher = _publisher(config, outbox, inside.model.versions)
        dispatch = Dispatch(outbox, publisher, keeping=inside.keeping, routing=inside.routing, watch=inside.watch)
        swap = ModelSwap(config.swap, assembly.swappable(config), partial(_tell_swap, inside.models, outbox, publisher))
        triggers = TriggerDesk(outbox.triggers, assembly.triggered, publisher.replay)
        _obey(config, inside, swap, EventControl(outbox, triggers, publisher.replay), publisher, stack)
        inside.keeping.start(stack)
        publisher.watch(lambda: assembly.condition(dispatch.alarms))
        publisher.start()
        stack.callback(publisher.stop, 0.0)
        inside.detections.offer = publisher.offer
        assembly.commit = dispatch.commit
        assembly.tell_shelf = ShelfSender(config.box.site, config.box.name, inside.run_id, publisher.set_shelf).tell
        _listen(config, triggers, dispatch.commit, stack)
        parts = BoxParts(inside.models, assembly, outbox, publisher, inside.watch, inside.keeping)
        _open_to_outsiders(BoxView(config, inside.run_id, inside.model.versions, parts), operator, stack)
        began = time.monotonic()
        with closing(dispatch.writer):  # also of a run that fails: what was decided until then holds
            told = StatusSender(config.box.site, config.box.name, inside.run_id, publisher.set_camera_status)
            assembly.runner(inside.models, told, dispatch.writer.try_again, stack).run(stop)
        seconds = time.monotonic() - began
        swap.stop(_STOP_SWAP_S)
        undelivered = publisher.stop(_DRAIN_OUTBOX_S)
    return _summary(inside, dispatch.tally, seconds, undelivered)


@dataclass(frozen=True, slots=True)
class _Inside:
    """What a box consists of before anything of it is opened to cameras, disk or broker."""

    run_id: str
    origin: Origin
    model: LoadedModel
    models: ModelInUse
    routing: Routing
    watch: Watch
    looking: Looking
    keeping: Keeping
    detections: DetectionSender
    assembly: Assembly


def _put_together(config: BoxConfig, observe: Observer | None) -> _Inside:
    """Load what the configuration names and wire the cameras' lanes.

    Raises:
        EdgekitError: Something in the configuration cannot be used.
    """
    model = _load_model(config)
    run_id = str(uuid7(int(datetime.now(timezone.utc).timestamp() * 1000)))
    origin = Origin(config.box.site, config.box.name, run_id, model.digest, str(model.detector.info))
    routing = Routing(config.routing.catalogue, config.routing.routes)
    watch = Watch([camera.name for camera in config.cameras])
    models = ModelInUse(model)
    detections = DetectionSender(origin, config.cameras)
    looking = load_looking(config, model.classes)
    keeping = Keeping(config, models, looking.models)
    assembly = Assembly(config, models, both(both(watch.observe, keeping.observe), observe), detections, looking)
    return _Inside(run_id, origin, model, models, routing, watch, looking, keeping, detections, assembly)


def _load_model(config: BoxConfig) -> LoadedModel:
    """Return the configured model, proved on this machine.

    Raises:
        EdgekitError: The bundle or its model cannot be used.
    """
    map_pictures()
    tell_loading(config, ServiceManager())
    bundle = open_bundle(config.bundle.path, config.bundle.trusted_keys)
    detector = load_for_box(config, bundle)
    return_free_memory()
    _log.info("model %s %s: %s", bundle.manifest.name, bundle.manifest.version, detector.info)
    return LoadedModel.of(bundle, detector)


def _outbox(config: BoxConfig, origin: Origin) -> Outbox:
    """Open the outbox.

    Raises:
        EdgekitError: It cannot be used.
    """
    bounds = config.outbox
    return Outbox.open(
        bounds.path,
        origin=origin,
        bounds=Bounds.of(bounds.max_events, bounds.max_mib, bounds.max_age_h),
        keep=Bounds.of(bounds.keep_events, bounds.keep_mib, bounds.keep_h),
        consumers=config.mqtt.consumers,
    )


def _publisher(config: BoxConfig, outbox: Outbox, versions: Mapping[str, str]) -> Publisher:
    """Return who brings events and statuses to the broker, not yet started."""
    names = [camera.name for camera in config.cameras]
    shelves = [(camera.name, shelf.name) for camera in config.cameras for shelf in camera.shelves]
    publisher = Publisher(config.mqtt, outbox, cameras=names, versions=versions, shelves=shelves)
    if config.mqtt.home_assistant is not None:
        topics = Topics(config.box.site, config.box.name)
        publisher.show_in(Discovery(config.mqtt.home_assistant, topics, config.cameras, __version__))
    return publisher


def _tell_swap(models: ModelInUse, outbox: Outbox, publisher: Publisher, step: SwapMessage) -> None:
    """Let events name the model in use from now on, and the status how far its exchange is."""
    outbox.use_model(models.current.digest, str(models.current.detector.info))
    publisher.set_swap(step)


def _open_to_outsiders(view: BoxView, operator: Operator | None, stack: ExitStack) -> None:
    """Look for incidents, tell vital signs and serve the page, where these are asked for, until the stack unwinds.

    Raises:
        EdgekitError: The page cannot be served.
    """
    stack.enter_context(Alarms(view))
    folder = runtime_folder()
    if folder is not None:
        stack.enter_context(SignsTeller(view, folder))
    if view.config.web is not None:
        from edge.web.page import Page  # noqa: PLC0415 - a box without a page loads nothing of it

        stack.enter_context(Page(view, operator))


def _listen(
    config: BoxConfig, triggers: TriggerDesk, commit: Callable[[Sequence[TagEvent]], None], stack: ExitStack
) -> None:
    """Answer triggers of earlier runs; listen for new ones over TCP where asked for, until the stack unwinds."""
    triggers.answer_earlier(commit)
    if config.trigger_socket is not None:
        listener = TriggerListener(config.trigger_socket, triggers.take)
        listener.start()
        stack.callback(listener.stop)


def _obey(
    config: BoxConfig,
    inside: _Inside,
    swap: ModelSwap,
    events: EventControl,
    publisher: Publisher,
    stack: ExitStack,
) -> None:
    """Take commands from those whom the configuration names, until the stack unwinds.

    Triggers cannot wait, and are so many that they would drown all others: commands about events have a desk and an
    audit log of their own.

    Raises:
        EdgekitError: An audit log cannot be written.
    """
    if config.commands is None:
        return
    feeds = [each.feed for each in inside.assembly.cameras]
    control = BoxControl(
        inside.models,
        swap,
        feeds,
        inside.model.versions,
        inside.routing,
        inside.assembly.shelves,
        inside.looking.models,
    )
    desk = Desk(Topics(config.box.site, config.box.name), inside.run_id, config.commands.clients)
    log = config.commands.audit_log
    usual = CommandDesk(desk, control.execute, AuditLog(log))
    about_events = CommandDesk(desk, events.execute, AuditLog(log.with_name(f"{log.stem}-events{log.suffix}")))
    hall = CommandHall(usual, about_events, ABOUT_EVENTS)
    stack.callback(hall.stop, _STOP_COMMANDS_S)
    publisher.obey(hall)


def _summary(inside: _Inside, tally: Tally, seconds: float, undelivered: int) -> RunSummary:
    cameras = inside.assembly.cameras
    return RunSummary(
        seconds=seconds,
        frames=sum(camera.lane.frames for camera in cameras),
        still=sum(camera.lane.still for camera in cameras),
        spared=sum(camera.feed.health.drops.spared for camera in cameras),
        dropped=sum(camera.feed.place.dropped for camera in cameras),
        events=tally.kinds(),
        decision_ms=tally.decision_ms(),
        undelivered=undelivered,
        engine=inside.models.current.detector.info,
    )

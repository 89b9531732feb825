"""Finds incidents by holding a box against what it was a moment ago: a pure half compares, a thread looks."""

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import final

from edge.drift.judge import Off
from edge.incidents import Incident, IncidentKind
from edge.mqtt.wire import format_utc
from edge.runtime.view import BoxView
from edge.video.health import FeedState

_log = logging.getLogger(__name__)

BEHIND_EVENTS = 500  # as many are sent ahead of the slowest consumer
CAUGHT_UP_EVENTS = 50
_LOOK_S = 0.5
_LOST = (FeedState.STALLED, FeedState.RECONNECTING, FeedState.FAILED)


@dataclass(frozen=True, slots=True)
class CameraSight:
    """Whether a camera shows something, and why not."""

    lost: bool
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Sight:
    """A box at one moment, as far as incidents go by it.

    Attributes:
        cameras: By name; one that has not shown anything yet in this run is not among them.
        connected: Whether the broker's connection stands; None before it first did.
        discarded: Events that this run discarded.
        behind: Named consumers that are behind, and by how many events.
        model: Digest of the model in use.
        model_name: Its name and version.
        drift: What has moved, by camera and figure.
    """

    cameras: Mapping[str, CameraSight]
    connected: bool | None
    discarded: int
    model: str
    model_name: str
    behind: Mapping[str, int] = field(default_factory=dict[str, int])
    drift: Mapping[tuple[str, str], Off] = field(default_factory=dict[tuple[str, str], Off])


def incidents(before: Sight, now: Sight) -> Iterator[Incident]:
    """Return what happened between two looks, one for each incident."""
    yield from _cameras(before, now)
    if before.connected and now.connected is False:
        yield Incident(IncidentKind.BROKER_LOST, "the broker is away; events wait in the outbox")
    if before.connected is False and now.connected:
        yield Incident(IncidentKind.BROKER_BACK, "the broker is back; what waited is sent")
    if now.discarded > before.discarded:
        count = now.discarded - before.discarded
        facts = {"events": count, "events_of_run": now.discarded}
        yield Incident(IncidentKind.EVENTS_DISCARDED, f"{count} events were discarded undelivered", facts)
    for name in now.behind.keys() - before.behind.keys():
        owed = now.behind[name]
        facts = {"consumer": name, "unacknowledged": owed}
        yield Incident(IncidentKind.CONSUMER_BEHIND, f"consumer {name} owes {owed} acknowledgements", facts)
    for name in before.behind.keys() - now.behind.keys():
        yield Incident(IncidentKind.CONSUMER_BACK, f"consumer {name} has caught up", {"consumer": name})
    if now.model != before.model:
        facts = {"model": now.model_name, "digest": now.model, "digest_before": before.model}
        yield Incident(IncidentKind.MODEL_SWAPPED, f"the model is {now.model_name} now", facts)
    yield from _drift(before, now)


def _cameras(before: Sight, now: Sight) -> Iterator[Incident]:
    for name, camera in now.cameras.items():
        known = before.cameras.get(name)
        if camera.lost and (known is None or not known.lost):
            told = camera.reason or camera.state
            facts = {"camera": name, "state": camera.state, "reason": camera.reason}
            yield Incident(IncidentKind.CAMERA_LOST, f"camera {name} shows nothing: {told}", facts)
        if not camera.lost and known is not None and known.lost:
            yield Incident(IncidentKind.CAMERA_BACK, f"camera {name} shows something again", {"camera": name})


def _drift(before: Sight, now: Sight) -> Iterator[Incident]:
    for (camera, figure), off in now.drift.items():
        if (camera, figure) not in before.drift:
            facts = {"camera": camera, "figure": figure, "value": off.value, "usual": off.usual}
            told = {**facts, "since": format_utc(off.since)}
            yield Incident(IncidentKind.DRIFT, f"camera {camera} is not what it was: {off}", told)
    for camera, figure in before.drift.keys() - now.drift.keys():
        facts = {"camera": camera, "figure": figure}
        yield Incident(IncidentKind.DRIFT_OVER, f"camera {camera}: {figure} is as it was again", facts)


@final
class Alarms:
    """Looks at a box twice a second and logs its incidents, from the start to the end of a `with`.

    Args:
        view: The box.
    """

    def __init__(self, view: BoxView) -> None:
        self._view = view
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name="alarms", daemon=True)
        self._seen = _look(view, None)

    def __enter__(self) -> "Alarms":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        """End; what happens as a box stops is no incident."""
        self._stopping.set()
        self._thread.join(_LOOK_S)

    def _main(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            try:
                now = _look(self._view, self._seen)
                for incident in incidents(self._seen, now):
                    incident.log()
                self._seen = now
            except Exception:  # noqa: BLE001 - the top of the thread: an outbox that cannot be read now may be so later
                _log.exception("the look for incidents failed")


def _look(view: BoxView, before: Sight | None) -> Sight:
    """Return a box as it is now; what was never well is not lost."""
    cameras: dict[str, CameraSight] = {}
    for camera in view.cameras():
        health = camera.health
        if health.state is not FeedState.STARTING or (before is not None and camera.camera.name in before.cameras):
            cameras[camera.camera.name] = CameraSight(health.state in _LOST, health.state.value, health.reason)
    connected = view.connected
    ever = connected or (before is not None and before.connected is not None)
    outbox, model = view.outbox(), view.model
    was_behind: Mapping[str, int] = before.behind if before is not None else {}
    behind = {
        name: owed
        for name, owed in outbox.unacknowledged.items()
        if owed > BEHIND_EVENTS or (name in was_behind and owed > CAUGHT_UP_EVENTS)
    }
    return Sight(
        cameras=cameras,
        connected=connected if ever else None,
        discarded=outbox.discarded,
        model=model.digest,
        model_name=f"{model.name} {model.version}",
        behind=behind,
        drift={(name, one.figure): one for name, moved in view.keeping.drifted.items() for one in moved},
    )

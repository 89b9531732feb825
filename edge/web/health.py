"""Whether a box does its work, in one word and its reasons: for /healthz, which everybody may read."""

import time

from pydantic import BaseModel

from edge.runtime.view import BoxView
from edge.video.health import FeedState

_STUCK_S = 10.0
_SEEING_NOTHING = (FeedState.STALLED, FeedState.RECONNECTING, FeedState.FAILED)


class BoxHealth(BaseModel):
    """What /healthz says."""

    ok: bool
    reasons: tuple[str, ...]


def judge(view: BoxView) -> BoxHealth:
    """Return how a box does; reasons count cameras and events and name none."""
    reasons: list[str] = []
    cameras = view.cameras()
    blind = sum(camera.health.state in _SEEING_NOTHING for camera in cameras)
    if blind:
        reasons.append(f"{blind} of {len(cameras)} cameras {'show' if blind > 1 else 'shows'} nothing")
    if not view.connected:
        reasons.append("the broker is away")
    if any(camera.waiting and _stands_still(camera.watch.stepped_s, view.uptime_s) for camera in cameras):
        reasons.append("frames wait and none is finished")
    outbox = view.outbox()
    if outbox.discarded:
        reasons.append(f"{outbox.discarded} events were discarded undelivered")
    return BoxHealth(ok=not reasons, reasons=tuple(reasons))


def _stands_still(stepped_s: float | None, uptime_s: float) -> bool:
    return (uptime_s if stepped_s is None else time.monotonic() - stepped_s) > _STUCK_S

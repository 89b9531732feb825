"""From the runtime's own types to what the page's script gets."""

import time
from collections.abc import Iterator, Sequence

import numpy as np

from edge.printable import printable
from edge.runtime.view import BoxView, CameraView, ModelView
from edge.runtime.watch import Scene, Told
from edge.tags.aiming import Aim
from edge.tags.ballot import LEAST_MODULE_PX, LEAST_SHARPNESS, MOST_GLARE
from edge.video.frame import Frame
from edge.web.health import judge
from edge.web.messages import (
    PageAim,
    PageBox,
    PageCamera,
    PageCode,
    PageEvent,
    PageItem,
    PageLatency,
    PageModel,
    PageOutbox,
    PageScene,
    PageStock,
)

_PLOTTED_S = 120


def box_of(view: BoxView, *, asks_for_token: bool) -> PageBox:
    """Return how a box does."""
    health, outbox, mqtt = judge(view), view.outbox(), view.config.mqtt
    cameras = view.cameras()
    counts = view.watch.counts()
    return PageBox(
        site=view.config.box.site,
        box=view.config.box.name,
        run_id=view.run_id,
        uptime_s=round(view.uptime_s, 1),
        versions=view.versions,
        ok=health.ok,
        reasons=health.reasons,
        broker=f"{mqtt.host}:{mqtt.port}",
        connected=view.connected,
        model=_model(view.model),
        outbox=PageOutbox(
            depth=outbox.depth, most=outbox.most, discarded=outbox.discarded, unacknowledged=outbox.unacknowledged
        ),
        cameras=tuple(
            _camera(camera, {kind: n for (name, kind), n in counts.items() if name == camera.camera.name})
            for camera in cameras
        ),
        latency=_latency(cameras),
        asks_for_token=asks_for_token,
    )


def scene_of(scene: Scene, jpeg: str, classes: Sequence[str]) -> PageScene:
    """Return a scene with its picture.

    Args:
        scene: The scene.
        jpeg: Its picture, base64.
        classes: The detector's, in the order of their ids.
    """
    return PageScene(
        camera=scene.frame.camera,
        index=scene.frame.index,
        captured_at=scene.frame.captured_at,
        width=scene.frame.width,
        height=scene.frame.height,
        inferred=scene.inferred,
        items=tuple(_items(scene, classes)),
        stock=tuple(
            PageStock(
                zone=view.zone,
                counts={count.tag: count.count for count in view.state.counts} if view.state is not None else None,
                comparing=view.comparing,
            )
            for view in scene.shelves
        ),
        jpeg=jpeg,
    )


def _items(scene: Scene, classes: Sequence[str]) -> Iterator[PageItem]:
    """Yield what is drawn over a scene's picture: parcels, then regions of labels, then products of shelves."""
    for parcel in scene.parcels:
        yield PageItem(
            kind="parcel",
            label=parcel.class_name,
            box=_shares(scene.frame, parcel.xyxy),
            track=parcel.track_id,
            texts=tuple(printable(text) for text in parcel.texts),
            decided=parcel.decided.value if parcel.decided is not None else None,
        )
    for label in scene.labels:
        box = _shares(scene.frame, label.xyxy.tolist())
        yield PageItem(kind="label", label=label.kind, box=box, score=round(label.score, 3))
    if scene.shelves:
        found = scene.detections
        for xyxy, score, class_id in zip(found.xyxy.tolist(), found.score, found.class_id, strict=True):
            box = _shares(scene.frame, xyxy)
            yield PageItem(kind="product", label=classes[int(class_id)], box=box, score=round(float(score), 3))


def _shares(frame: Frame, xyxy: Sequence[float]) -> tuple[float, float, float, float]:
    """Return a box in pixels as shares of its picture's width and height, which a page of any size can draw."""
    left, top, right, bottom = (float(value) for value in xyxy)
    return (
        round(left / frame.width, 4),
        round(top / frame.height, 4),
        round(right / frame.width, 4),
        round(bottom / frame.height, 4),
    )


def aim_of(aim: Aim, scene: PageScene) -> PageAim:
    """Return what the aiming view shows of a scene."""
    return PageAim(
        scene=scene,
        sharpness=round(aim.sharpness, 3),
        glare=round(aim.glare, 4),
        codes=tuple(
            PageCode(
                text=printable(code.text),
                symbology=code.symbology,
                corners=tuple((round(x / scene.width, 4), round(y / scene.height, 4)) for x, y in code.corners),
                module_px=round(code.module_px, 2),
                sharpness=round(code.sharpness, 3),
                glare=round(code.glare, 4),
                advice=code.advice,
            )
            for code in aim.codes
        ),
        least_module_px=LEAST_MODULE_PX,
        least_sharpness=LEAST_SHARPNESS,
        most_glare=MOST_GLARE,
    )


def event_of(told: Told) -> PageEvent:
    """Return an event as the page lists it."""
    event = told.event
    stock = event.stock
    return PageEvent(
        seq=told.seq,
        camera=event.camera,
        zone=event.zone,
        kind=event.kind.value,
        captured_at=event.captured_at,
        texts=tuple(printable(tag.value) for tag in event.tags if tag.key == "code"),
        reason=event.interval.cause if event.interval is not None else event.reason.value if event.reason else None,
        product=event.product,
        route=event.route,
        stock=f"{stock.tag}: {stock.count}" if stock is not None else None,
        late=event.late,
    )


def _model(model: ModelView) -> PageModel:
    engine = model.engine
    return PageModel(
        name=model.name,
        version=model.version,
        digest=model.digest,
        backend=engine.backend,
        backend_version=engine.version,
        device=engine.device,
        precision=engine.precision,
        requests=engine.requests,
        classes=model.classes,
    )


def _camera(view: CameraView, events: dict[str, int]) -> PageCamera:
    health = view.health
    return PageCamera(
        name=view.camera.name,
        live=view.live,
        policy=view.camera.policy,
        state=health.state.value,
        since=health.since,
        reason=health.reason,
        fps=health.fps,
        frames=view.frames,
        still=view.still,
        dropped={
            "superseded": health.drops.superseded,
            "damaged": health.drops.damaged,
            "blind": health.drops.blind,
        },
        events=events,
    )


def _latency(cameras: Sequence[CameraView]) -> PageLatency:
    now_s = time.monotonic()
    seconds: list[list[float]] = [[] for _ in range(_PLOTTED_S)]
    for camera in cameras:
        for at_s, ms in camera.watch.recent(_PLOTTED_S):
            seconds[max(0, _PLOTTED_S - 1 - int(now_s - at_s))].append(ms)
    return PageLatency(p50_ms=_percentiles(seconds, 50), p99_ms=_percentiles(seconds, 99))


def _percentiles(seconds: Sequence[Sequence[float]], percent: float) -> tuple[float | None, ...]:
    return tuple(round(float(np.percentile(times, percent)), 1) if times else None for times in seconds)

"""What commands may do to a running box, one method a command; those about events are EventControl's."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from devices.errors import EdgekitError
from edge.model.detector import self_test
from edge.mqtt.command_messages import CommandMessage, CommandName, Result, ZoneStock
from edge.mqtt.commands import PICTURE
from edge.mqtt.messages import ModelKind
from edge.mqtt.shelf_messages import wire_counts
from edge.mqtt.wire import format_utc
from edge.runtime.classifier_in_use import ClassifierInUse
from edge.runtime.model_in_use import ModelInUse
from edge.runtime.swap import ModelSwap
from edge.runtime.teacher import Teacher
from edge.tags.routing import Routing
from edge.tags.shelf_state import ShelfView
from edge.video.feed import CameraFeed
from edge.video.health import FeedState

_SNAPSHOT_PX = 1280
_SNAPSHOT_BYTES = 256 * 1024
_QUALITIES = (85, 70, 50, 30)


class BoxControl:
    """Carries out commands on a box. Used by one thread.

    Args:
        model: Shared with the workers.
        swap: Exchanges it.
        feeds: Of all cameras.
        versions: Software by name and version.
        routing: Catalogue and routes in use.
        shelves: Returns by camera what stands on its shelves, for cameras that have any.
        classifiers: Of the box, None where it has none.
    """

    def __init__(
        self,
        model: ModelInUse,
        swap: ModelSwap,
        feeds: Sequence[CameraFeed],
        versions: Mapping[str, str],
        routing: Routing,
        shelves: Callable[[], Mapping[str, Sequence[ShelfView]]],
        classifiers: ClassifierInUse | None = None,
    ) -> None:
        self._model = model
        self._swap = swap
        self._feeds = {feed.camera.name: feed for feed in feeds}
        self._versions = versions
        self._routing = routing
        self._shelves = shelves
        self._teacher = Teacher(classifiers, model, self._feeds)
        self._began_s = time.monotonic()

    def execute(  # noqa: C901, PLR0911 - one for each command
        self, name: CommandName, command: CommandMessage
    ) -> Result:
        """Do what a command asks for and return its result.

        Raises:
            EdgekitError: It cannot be done, or lacks a parameter.
        """
        match name:
            case CommandName.PING:
                return {"uptime_s": round(time.monotonic() - self._began_s, 1), **self._versions}
            case CommandName.PAUSE:
                self._live_feed(command).pause(f"paused by {command.client}")
                return {}
            case CommandName.RESUME:
                self._live_feed(command).resume()
                return {}
            case CommandName.SNAPSHOT:
                return self._snapshot(self._feed(command), command.width_px or _SNAPSHOT_PX)
            case CommandName.SET_THRESHOLD:
                return self._set_threshold(command.score)
            case CommandName.SELF_TEST:
                return self._self_test()
            case CommandName.RELOAD_ROUTING:
                tables = self._routing.reload()
                return {"catalogue": tables.catalogue.digest, "routes": tables.routes_digest}
            case CommandName.RELOAD_BUNDLE:
                self._swap.begin(command.id, command.bundle, command.model or ModelKind.DETECTOR)
                return {"accepted": True, "told_in": "status"}
            case CommandName.STOCKTAKE:
                return self._stocktake()
            case CommandName.TEACH:
                return self._teacher.teach(command)
            case CommandName.UNDO_TEACH:
                return self._teacher.undo(command)
            case CommandName.TRIGGER | CommandName.REPLAY:
                raise ValueError(f"{name.value} is for EventControl")

    def _feed(self, command: CommandMessage) -> CameraFeed:
        feed = self._feeds.get(command.camera or "")
        if feed is None:
            raise EdgekitError(f"there is no camera {command.camera!r}: name one of {', '.join(self._feeds)}")
        return feed

    def _live_feed(self, command: CommandMessage) -> CameraFeed:
        feed = self._feed(command)
        if not feed.live:
            raise EdgekitError(f"{feed.camera.name} plays a file, which cannot be paused: a pause is for live cameras")
        return feed

    @staticmethod
    def _snapshot(feed: CameraFeed, width_px: int) -> Result:
        frame = feed.newest
        if frame is None:
            raise EdgekitError(f"camera {feed.camera.name} has given no picture yet")
        scale = min(width_px, frame.width) / frame.width
        size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
        image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame.image
        for quality in _QUALITIES:
            coded = np.asarray(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], np.uint8)
            if coded.nbytes <= _SNAPSHOT_BYTES:
                return {
                    "captured_at": format_utc(frame.captured_at),
                    "clock": frame.clock.value,
                    "width_px": size[0],
                    "height_px": size[1],
                    PICTURE: base64.b64encode(coded.tobytes()).decode(),
                }
        raise EdgekitError(f"the picture has more than {_SNAPSHOT_BYTES} bytes: ask for a smaller width_px")

    def _set_threshold(self, score: float | None) -> Result:
        if score is None:
            raise EdgekitError("set_threshold needs a score from 0 to 1")
        self._model.set_threshold(score)
        return {"score": score}

    def _self_test(self) -> Result:
        began = time.perf_counter()
        model = self._model.current
        self_test(model.bundle, model.detector)
        return {"seconds": round(time.perf_counter() - began, 3), "bundle": model.bundle.manifest.name}

    def _stocktake(self) -> Result:
        shelves = self._shelves()
        if not shelves:
            raise EdgekitError("no camera has a shelf: add [[camera.shelf]] to the configuration")
        stale = tuple(name for name in shelves if self._feeds[name].health.state is not FeedState.STREAMING)
        zones = tuple(_zone_stock(name, view, stale=name in stale) for name, views in shelves.items() for view in views)
        return {"zones": zones, "stale": stale}


def _zone_stock(camera: str, view: ShelfView, *, stale: bool) -> ZoneStock:
    return ZoneStock(
        camera=camera,
        zone=view.zone,
        counts=wire_counts(view.state.counts) if view.state is not None else None,
        seen_at=view.seen_at,
        comparing=view.comparing,
        stale=stale,
    )

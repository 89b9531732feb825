"""What commands do to a box: each is felt by the running parts, or refused with a reason."""

import base64
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.model.bundle import open_bundle
from edge.model.detector import load_detector
from edge.mqtt.command_messages import CommandMessage, CommandName, ZoneStock
from edge.mqtt.shelf_messages import WireCount
from edge.runtime.control import BoxControl
from edge.runtime.model_in_use import LoadedModel, ModelInUse
from edge.runtime.swap import ModelSwap
from edge.tags.routing import Routing
from edge.tags.shelf_state import ShelfState, ShelfView, TagCount
from edge.video.feed import CameraFeed
from edge.video.newest import FrameQueue
from edge.video.section import Camera, FolderSource, RtspSource

NO_SWAP = cast("ModelSwap", None)  # no test here asks for one
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def ordered(**fields: Any) -> CommandMessage:
    return CommandMessage(id="c1", client="ops", **fields)


@pytest.fixture
def parts(
    make_bundle: Callable[..., Any], tmp_path: Path, eventually: Callable[..., None]
) -> tuple[BoxControl, ModelInUse, CameraFeed]:
    signed = make_bundle()
    bundle = open_bundle(signed.folder, (signed.public,))
    model = ModelInUse(LoadedModel.of(bundle, load_detector(bundle, backend="onnxruntime", requests=1)))
    (tmp_path / "catalogue.csv").write_text("value,product\n1,One\n")
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "1.png"), np.full((100, 400, 3), 90, np.uint8))
    folder = Camera(name="shelf", source=FolderSource(kind="folder", path=tmp_path / "pictures"))
    live = Camera(name="gate", source=RtspSource(kind="rtsp", url="rtsp://camera/x"))
    feeds = [CameraFeed(camera, FrameQueue(4), on_gap=lambda _gap: None) for camera in (folder, live)]
    feeds[0].start()
    eventually(lambda: feeds[0].finished)
    return (
        BoxControl(model, NO_SWAP, feeds, {"edgekit": "1"}, Routing(tmp_path / "catalogue.csv", None), dict),
        model,
        feeds[1],
    )


def test_ping_tells_versions_and_how_long_it_runs(parts: tuple[BoxControl, ModelInUse, CameraFeed]):
    result = parts[0].execute(CommandName.PING, ordered())
    assert result["edgekit"] == "1"
    assert float(str(result["uptime_s"])) >= 0


def test_a_snapshot_is_the_newest_picture_no_wider_than_asked_for(parts: tuple[BoxControl, ModelInUse, CameraFeed]):
    result = parts[0].execute(CommandName.SNAPSHOT, ordered(camera="shelf", width_px=200))
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(str(result["jpeg"])), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (50, 200, 3)
    assert abs(float(picture.mean()) - 90) < 3
    assert (result["width_px"], result["height_px"]) == (200, 50)


def test_a_snapshot_wider_than_any_number_is_the_picture_as_it_is(parts: tuple[BoxControl, ModelInUse, CameraFeed]):
    result = parts[0].execute(CommandName.SNAPSHOT, ordered(camera="shelf", width_px=10**400))
    assert (result["width_px"], result["height_px"]) == (400, 100)


def test_a_new_threshold_counts_from_the_next_frame_on(parts: tuple[BoxControl, ModelInUse, CameraFeed]):
    control, model, _ = parts
    faint = np.full((48, 64, 3), 150, np.uint8)  # the model's score is the picture's brightness, 150 of 255
    assert len(model.current.detect(faint)) == 1
    control.execute(CommandName.SET_THRESHOLD, ordered(score=0.7))
    assert len(model.current.detect(faint)) == 0
    with pytest.raises(EdgekitError, match="needs a score"):
        control.execute(CommandName.SET_THRESHOLD, ordered())


def test_the_self_test_holds_whatever_threshold_is_set(parts: tuple[BoxControl, ModelInUse, CameraFeed]):
    control, _, _ = parts
    control.execute(CommandName.SET_THRESHOLD, ordered(score=1.0))
    assert control.execute(CommandName.SELF_TEST, ordered())["bundle"] == "brightness"


@pytest.mark.parametrize(
    ("name", "camera", "why"),
    [
        (CommandName.PAUSE, "nowhere", "there is no camera 'nowhere': name one of shelf, gate"),
        (CommandName.SNAPSHOT, None, "there is no camera None"),
        (CommandName.SNAPSHOT, "gate", "has given no picture yet"),
        (CommandName.PAUSE, "shelf", "plays a file"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(
    parts: tuple[BoxControl, ModelInUse, CameraFeed], name: CommandName, camera: str | None, why: str
):
    with pytest.raises(EdgekitError, match=why):
        parts[0].execute(name, ordered(camera=camera))


def test_routing_is_read_anew_as_a_whole_or_not_at_all(
    parts: tuple[BoxControl, ModelInUse, CameraFeed], tmp_path: Path
):
    control = parts[0]
    before = control.execute(CommandName.RELOAD_ROUTING, ordered())
    (tmp_path / "catalogue.csv").write_text("value,product\n1,One\n1,Two\n")
    with pytest.raises(EdgekitError, match="line 3: code 1 stands there twice"):
        control.execute(CommandName.RELOAD_ROUTING, ordered())
    (tmp_path / "catalogue.csv").write_text("value,product\n1,Two\n")
    after = control.execute(CommandName.RELOAD_ROUTING, ordered())
    assert after["catalogue"] not in (None, before["catalogue"])
    assert after["routes"] is None


def test_a_stocktake_tells_every_zone_with_its_pictures_time_and_who_sees_nothing(make_bundle: Callable[..., Any]):
    signed = make_bundle()
    bundle = open_bundle(signed.folder, (signed.public,))
    model = ModelInUse(LoadedModel.of(bundle, load_detector(bundle, backend="onnxruntime", requests=1)))
    lost = Camera(name="wall", source=RtspSource(kind="rtsp", url="rtsp://camera/x"))
    feed = CameraFeed(lost, FrameQueue(4), on_gap=lambda _gap: None)
    state = ShelfState("wall", "left", (TagCount("cola", 3, NOON),), NOON)
    views = (ShelfView("left", state, NOON, comparing=False), ShelfView("right", None, None, comparing=True))
    control = BoxControl(model, NO_SWAP, [feed], {}, Routing(None, None), lambda: {"wall": views})
    result = control.execute(CommandName.STOCKTAKE, ordered())
    assert result["stale"] == ("wall",)  # it has not begun to stream
    left, right = cast("tuple[ZoneStock, ...]", result["zones"])
    assert left.counts == (WireCount(tag="cola", count=3, since=NOON),)
    assert (left.seen_at, left.comparing, left.stale) == (NOON, False, True)
    assert (right.counts, right.seen_at, right.comparing) == (None, None, True)


def test_a_stocktake_of_a_box_without_shelves_is_refused(parts: tuple[BoxControl, ModelInUse, CameraFeed]):
    with pytest.raises(EdgekitError, match="no camera has a shelf"):
        parts[0].execute(CommandName.STOCKTAKE, ordered())

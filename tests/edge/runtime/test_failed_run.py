"""What a run decided before it failed is not lost with it, also where the disk refused it meanwhile."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.config import load_config
from edge.mqtt.outbox import Outbox
from edge.runtime.box import run_box
from edge.runtime.lane import Inferred
from edge.tags.events import TagEvent

Make = Callable[..., Any]
CONFIG = """
[[camera]]
name = "gate"
source = { kind = "folder", path = "pictures" }
[[camera.shelf]]
name = "rack"
rectangle = [0.1, 0.1, 0.9, 0.9]
debounce_s = 0.1
"""
LAST = 29


def test_events_that_waited_for_the_disk_are_committed_as_a_run_fails(
    make_bundle: Make, mosquitto: Any, write_box_toml: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bundle = make_bundle()
    (tmp_path / "pictures").mkdir()
    for index in range(LAST + 1):
        cv2.imwrite(str(tmp_path / f"pictures/{index:03}.png"), np.full((96, 128, 3), 200, np.uint8))
    path = write_box_toml(mosquitto.port, CONFIG, bundle=bundle.folder, key=bundle.public)
    refused: list[TagEvent] = []
    has_room = threading.Event()
    commit = Outbox.commit

    def commit_where_room_is(outbox: Outbox, events: Sequence[TagEvent]) -> tuple[int, ...]:
        if not has_room.is_set():
            refused.extend(events)
            raise EdgekitError("the outbox cannot be written: no room")
        return commit(outbox, events)

    def fail_at_last(inferred: Inferred, _half: object) -> None:
        if inferred.frame.index == LAST:
            has_room.set()
            raise RuntimeError("a stage broke")

    monkeypatch.setattr(Outbox, "commit", commit_where_room_is)
    with pytest.raises(EdgekitError, match="a stage of the runtime failed: a stage broke"):
        run_box(load_config(path), threading.Event(), fail_at_last)
    assert refused
    with sqlite3.connect(tmp_path / "outbox.sqlite") as file:
        (stored,) = file.execute("SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM kept)").fetchone()
    assert stored >= len({(event.kind, event.frame_index) for event in refused})

"""A whole box on the demonstration's belt, with all that feeds the next model: what is kept, audited and watched."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from edge.config import load_config
from edge.demo.show import CLIP
from edge.hard_cases.case import unseal
from edge.hard_cases.judging import Reason
from edge.runtime.box import run_box
from edge.sealing import create_sealing_key, load_opener

Make = Callable[..., Any]
CONFIG = """
[inference]
backend = "openvino"
precision = "int8"
[hard_cases]
folder = "cases"
recipient = "workstation.pub"
[drift]
state = "drift.json"
window_s = 1.0
reference_windows = 4
[[camera]]
name = "gate"
source = {{ kind = "file", path = "{clip}" }}
masks = [[[0.0, 0.0], [1.0, 0.0], [1.0, 0.25], [0.0, 0.25]]]
[[camera.line]]
name = "line"
start = [0.55, 1.0]
end = [0.55, 0.0]
"""


SECONDS = 8.0


def cut(clip: Path, to: Path) -> Path:
    """Write the first seconds of a clip, its packets as they are."""
    with av.open(str(clip)) as source, av.open(str(to), "w") as target:
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None or packet.pts * packet.time_base > SECONDS:
                continue
            packet.stream = copied
            target.mux(packet)
    return to


@pytest.fixture
def config(mosquitto: Any, write_box_toml: Make, tmp_path: Path) -> Path:
    create_sealing_key(tmp_path / "workstation.key", tmp_path / "workstation.pub")
    return write_box_toml(mosquitto.port, CONFIG.format(clip=cut(CLIP, tmp_path / "clip.mp4")))


def test_each_no_read_of_a_run_is_kept_masked_for_the_workstation_and_no_event_is_missing(config: Path, tmp_path: Path):
    summary = run_box(load_config(config), threading.Event())
    opener = load_opener(tmp_path / "workstation.key")
    cases = [unseal(path.read_bytes(), opener) for path in sorted((tmp_path / "cases").glob("*.case"))]
    no_reads = [case for case in cases if Reason.NO_READ in case.record.reasons]
    assert len(no_reads) == summary.events["no_read"] > 0
    assert summary.undelivered == 0
    masked_px = 0
    for case in no_reads:
        assert case.record.detector is not None
        image = cv2.imdecode(np.frombuffer(case.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        # The room above a parcel reaches into the mask: what lies there is black, and the parcel's top was never seen.
        masked_px += int((image.max(axis=(1, 2)) < 24).sum())
    learnt = json.loads((tmp_path / "drift.json").read_text())["cameras"]["gate"]
    assert len(learnt["brightness"]) == len(learnt["sharpness"]) == 4
    assert learnt["share_of_carton"]
    assert masked_px > 10 * len(no_reads) / 2

"""What a bench runs and writes: clips at another speed, all ways of a bundle, accuracy of each, and box.toml."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.bench.clip import at_speed, clip_fps, video_ms
from edge.bench.record import Way
from edge.bench.site import Site
from edge.bench.ways import matrix, opened, plain
from edge.config import load_config
from edge.model.manifest import Thresholds
from edge.video.section import Camera, FileSource
from edge.video.sources import open_source

CLIP = Path(__file__).parents[3] / "edge/demo/conveyor.mp4"
BOX = """# the gate's box
[box]
site = "hall"
name = "gate" # by the door
[bundle]
path = "{bundle}"
trusted_keys = ["{key}"]
{inference}
[outbox]
path = "outbox.db"
[[camera]]
name = "belt"
source = {{ kind = "folder", path = "pictures" }}
"""


def write_clip(path: Path, pictures: int, size: int = 64) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(pictures):
            shown = np.full((size, size, 3), number * 20 % 255, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="bgr24")))
        container.mux(stream.encode())
    return path


def test_a_clip_at_another_speed_shows_the_same_pictures(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 20)
    (tmp_path / "slow").mkdir()
    slow = at_speed(clip, 10, tmp_path / "slow")
    assert clip_fps(clip) == 25
    assert clip_fps(slow) == pytest.approx(10)
    shown = [
        list(open_source(Camera(name="c", source=FileSource(kind="file", path=path))).frames()) for path in (clip, slow)
    ]
    assert len(shown[0]) == len(shown[1]) == 20
    for one, other in zip(*shown, strict=True):
        assert np.array_equal(one.image, other.image)
        assert other.media_s == pytest.approx(one.media_s * 2.5, abs=0.01)
    assert video_ms(clip) > 0


def test_what_is_no_clip_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(EdgekitError, match="no video that can be read"):
        clip_fps(tmp_path / "text.mp4")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 44100
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    with pytest.raises(EdgekitError, match="no video that can be read"):
        clip_fps(tmp_path / "sound.mp4")


def test_one_camera_runs_as_a_box_runs_one_and_several_as_it_runs_several(make_bundle: Callable[..., Any]) -> None:
    made = make_bundle()
    model, _ = opened(made.folder, (made.public,))
    cases = plain([model], [1, 4], "auto", "auto", None)
    assert [case.mode for case in cases] == ["latency", "throughput"]
    assert cases[1].label == "64x64 auto auto, throughput, 4 streams"
    assert [case.mode for case in plain([model], [1, 4], "auto", "auto", "throughput")] == ["throughput"] * 2


def test_the_matrix_holds_every_way_that_works_here_and_says_what_does_not(make_bundle: Callable[..., Any]) -> None:
    made = make_bundle()
    said: list[str] = []
    cases = matrix([opened(made.folder, (made.public,))], [1, 2], "cpu", said.append)
    ways = {(case.backend, case.precision) for case in cases}
    assert {("openvino", "fp32"), ("onnxruntime", "fp32")} <= ways
    assert len(cases) == 3 * len(ways)  # one camera in either mode, two in one
    left_out = {"bf16", "fp16"} - {precision for _, precision in ways}
    assert len(said) == len(left_out)


@pytest.mark.parametrize("inference", ["", "[inference]\nrequests = 3 # by hand\nprecision = 'auto' # why not\n"])
def test_what_is_best_goes_into_box_toml_with_its_comments(
    tmp_path: Path, make_bundle: Callable[..., Any], inference: str
) -> None:
    made = make_bundle()
    path = tmp_path / "box.toml"
    before = BOX.format(bundle=made.folder, key=made.public, inference=inference)
    path.write_text(before)
    said = Site(path).write(Way(backend="openvino", precision="fp32", hint="bf16"), "throughput")
    config = load_config(path)
    assert (config.inference.backend, config.inference.precision, config.inference.mode) == (
        "openvino",
        "bf16",
        "throughput",
    )
    assert config.inference.requests is None
    text = path.read_text()
    assert "# the gate's box" in text
    assert "# by the door" in text
    assert (tmp_path / "box.toml.previous").read_text() == before
    assert "box.toml.previous" in said


def test_another_bundle_or_device_than_the_boxs_is_not_written(tmp_path: Path, make_bundle: Callable[..., Any]) -> None:
    made, other = make_bundle(), make_bundle(thresholds=Thresholds(score=0.4, nms_iou=0.6))
    path = tmp_path / "box.toml"
    path.write_text(BOX.format(bundle=made.folder, key=made.public, inference='[inference]\ndevice = "gpu"'))
    site = Site(path)
    with pytest.raises(EdgekitError, match="add --device gpu"):
        site.check_device("cpu")
    own, strange = (opened(each.folder, (each.public,))[0].digest for each in (made, other))
    site.check_measures((own,), own)
    with pytest.raises(EdgekitError, match="not what is measured"):
        site.check_measures((strange,), own)

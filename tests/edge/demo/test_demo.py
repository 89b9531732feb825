"""`edgekit demo` is what a newcomer runs first: everything that it promises, in one run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2

from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY, load_truth
from edge.demo.truth import UnreadableReason
from edge.model.bundle import open_bundle

LARGEST_BUNDLE_BYTES = 10_000_000


def demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "edge", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


def test_every_parcel_is_told_exactly_once_and_no_text_is_wrong(tmp_path: Path):
    done = demo("--json", "--picture", str(tmp_path / "demo.png"))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    score = result["score"]
    assert score["seen"] == score["parcels"] >= 30
    assert score["wrong"] == []
    assert score["surplus"] == 0
    assert score["read"] >= 0.95 * score["readable"]
    assert result["summary"]["undelivered"] == 0
    picture = cv2.imread(str(tmp_path / "demo.png"))
    assert picture is not None
    assert picture.shape == (720, 1280, 3)


def test_the_clip_has_what_a_real_belt_has():
    truth = load_truth(CLIP)
    assert len(truth.parcels) >= 30
    assert 5 * (len(truth.parcels) - len(truth.readable)) >= len(truth.parcels)
    assert {parcel.symbology for parcel in truth.readable} == {"Code128", "EAN13", "QRCode", "DataMatrix"}
    assert any(len(parcel.crossing_frames) >= 3 for parcel in truth.parcels)
    reasons = {parcel.unreadable_reason for parcel in truth.parcels}
    assert {UnreadableReason.TORN, UnreadableReason.GLARE} <= reasons
    for parcel in truth.readable:
        assert (parcel.least_module_px or 0) >= 2
        assert parcel.clear_frames >= 3


def test_the_bundled_model_is_small_signed_and_names_its_data_and_licences():
    bundle = open_bundle(BUNDLE, [TRUSTED_KEY])
    assert sum(entry.size for entry in bundle.manifest.files) <= LARGEST_BUNDLE_BYTES
    forms = {(model.format, model.precision) for model in bundle.manifest.models}
    assert forms == {("openvino", "int8"), ("onnx", "int8")}
    assert bundle.manifest.licence == "AGPL-3.0-only"
    assert bundle.manifest.recipe == "make demo-model"
    for entry in bundle.manifest.data:
        assert entry.licence in {"CC0-1.0", "CC-BY-4.0", "CC-BY-3.0"}


def test_another_clips_ground_truth_and_a_picture_of_no_kind_are_one_clear_line(tmp_path: Path):
    shutil.copyfile(CLIP.with_suffix(".json"), tmp_path / "other.json")
    (tmp_path / "other.mp4").write_bytes(b"another clip")
    done = demo("--clip", str(tmp_path / "other.mp4"))
    assert done.returncode == 1
    assert "is not the ground truth of" in done.stderr
    done = demo("--picture", str(tmp_path / "demo.xyz"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path / 'demo.xyz'}: the picture's name has to end in")


def test_a_clip_without_ground_truth_is_one_clear_line(tmp_path: Path):
    done = demo("--clip", str(tmp_path / "other.mp4"))
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"error: {tmp_path / 'other.json'} cannot be read as the record of a clip's ground truth")
    assert line.endswith("render it with `edgekit data synth clip`")

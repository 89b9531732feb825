"""`edgekit evaluate` runs the exported files through the runtime's own code."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("faster_coco_eval", reason="the extra [eval] is not installed")

from edge.evaluate.openings import OPENINGS

CLASSES = ["carton", "barcode", "qr"]


def evaluate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "edge", "evaluate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_every_model_file_is_scored_on_the_labelled_classes(make_bundle: Callable[..., Any], bright_set: Path):
    made = make_bundle()
    keys = ["--bundle", str(made.folder), "--trusted-key", str(made.public)]
    done = evaluate(*keys, "--set", str(bright_set), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [model["backend"] for model in report["models"]] == ["onnxruntime", "openvino"]
    for model in report["models"]:
        (score,) = model["classes"]
        assert score["name"] == "carton"
        assert score["map50"] == pytest.approx(1.0)
        assert score["map50_95"] == pytest.approx(1.0)
        assert score["map50_interval"] == pytest.approx([1.0, 1.0])
        assert (score["precision"], score["recall"], score["f1"]) == (1.0, 1.0, 1.0)
        assert sum(one["objects"] for one in score["sizes"]) == model["confusion"][0][0] > 0
        assert all(one["map50_95"] == pytest.approx(1.0) for one in score["sizes"])
        assert model["confusion_names"] == [*CLASSES, "nothing"]
        assert sum(map(sum, model["confusion"])) == model["confusion"][0][0]
    assert report["sets"] == {"bright": 6}


def test_a_set_of_other_classes_is_refused(make_bundle: Callable[..., Any], bright_set: Path):
    made = make_bundle()
    description = json.loads((bright_set / "dataset.json").read_text())
    (bright_set / "dataset.json").write_text(json.dumps({**description, "classes": ["carton", "qr", "barcode"]}))
    done = evaluate("--bundle", str(made.folder), "--trusted-key", str(made.public), "--set", str(bright_set))
    assert done.returncode == 1
    assert "bright has the classes ('carton', 'qr', 'barcode')" in done.stderr


def test_a_test_part_is_scored_on_record_and_the_record_is_told(make_bundle: Callable[..., Any], bright_set: Path):
    made = make_bundle()
    for part in ("images", "labels"):
        (bright_set / part / "val").rename(bright_set / part / "test")
    call = ["--bundle", str(made.folder), "--trusted-key", str(made.public), "--set", str(bright_set)]
    assert "holds no picture in images/val" in evaluate(*call).stderr
    assert not (bright_set / OPENINGS).exists()
    assert "the test part of bright was opened 1 times" in evaluate(*call, "--split", "test").stdout
    report = json.loads(evaluate(*call, "--split", "test", "--json").stdout)
    assert (report["split"], report["openings"]) == ("test", {"bright": 2})
    lines = [json.loads(line) for line in (bright_set / OPENINGS).read_text("utf-8").splitlines()]
    assert [line["bundle_digest"] for line in lines] == [report["digest"]] * 2


def test_a_set_that_does_not_fit_is_not_opened(make_bundle: Callable[..., Any], bright_set: Path):
    made = make_bundle()
    for part in ("images", "labels"):
        (bright_set / part / "val").rename(bright_set / part / "test")
    description = json.loads((bright_set / "dataset.json").read_text())
    (bright_set / "dataset.json").write_text(json.dumps({**description, "classes": ["carton", "qr", "barcode"]}))
    call = ["--bundle", str(made.folder), "--trusted-key", str(made.public), "--set", str(bright_set)]
    assert evaluate(*call, "--split", "test").returncode == 1
    assert not (bright_set / OPENINGS).exists()


def test_each_camera_is_scored_by_itself_too(make_bundle: Callable[..., Any], bright_set: Path):
    made = make_bundle()
    (bright_set / "labels" / "val" / "3.txt").write_text("0 0.2 0.2 0.1 0.1\n")  # where the model sees nothing
    cameras = {f"{index}.png": {"camera": "gate" if index < 3 else "belt"} for index in range(5)}
    (bright_set / "groups.json").write_text(json.dumps({"pictures": cameras}))
    call = ["--bundle", str(made.folder), "--trusted-key", str(made.public), "--set", str(bright_set)]
    report = json.loads(evaluate(*call, "--by", "camera", "--json").stdout)
    groups = {group["name"]: group for group in report["models"][0]["groups"]}
    assert {name: group["pictures"] for name, group in groups.items()} == {"gate": 3, "belt": 2, "(none)": 1}
    assert groups["gate"]["classes"][0]["map50"] == pytest.approx(1.0)
    assert groups["belt"]["classes"][0]["map50"] == 0
    assert groups["(none)"]["classes"] == []
    assert groups["belt"]["classes"][0]["recall"] == 0
    shown = evaluate(*call).stdout
    assert (
        "at a score of 0.50: carton precision 0.750, recall 0.750, F1 0.750 (mAP50-95 by size: small 0.752 of 4)"
        in shown
    )
    assert "labelled carton, found nothing: 1 times" in shown
    assert "labelled nothing, found carton: 1 times" in shown
    assert (
        "camera belt, 2 pictures: carton 0.000 / 0.000 (0.000 to 0.000 / 0.000 to 0.000)"
        in evaluate(*call, "--by", "camera").stdout
    )


def test_a_part_that_no_set_has_is_wrong_use(make_bundle: Callable[..., Any], bright_set: Path):
    made = make_bundle()
    call = ["--bundle", str(made.folder), "--trusted-key", str(made.public), "--set", str(bright_set)]
    assert evaluate(*call, "--split", "../val").returncode == 2

"""`edgekit evaluate` runs the exported files through the runtime's own code."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("faster_coco_eval", reason="the extra [eval] is not installed")

CLASSES = ["carton", "barcode", "qr"]


@pytest.fixture
def bright_set(tmp_path: Path) -> Path:
    """Write a set of bright pictures with a carton where the brightness model finds one, and of dark ones without."""
    folder = tmp_path / "set"
    (folder / "images" / "val").mkdir(parents=True)
    (folder / "labels" / "val").mkdir(parents=True)
    for index in range(6):
        bright = index < 4
        picture = np.full((64, 64, 3), 255 if bright else 0, np.uint8)
        cv2.imwrite(str(folder / "images" / "val" / f"{index}.png"), picture)
        label = "0 0.5 0.5 0.5 0.25\n" if bright else ""
        (folder / "labels" / "val" / f"{index}.txt").write_text(label)
    description = {
        "schema": "edgekit.dataset/1",
        "name": "bright",
        "licence": "CC0-1.0",
        "source": "made by a test",
        "classes": CLASSES,
        "labelled": ["carton"],
        "pictures": 6,
        "digest": "0" * 64,
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


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
    assert report["sets"] == {"bright": 6}


def test_a_set_of_other_classes_is_refused(make_bundle: Callable[..., Any], bright_set: Path):
    made = make_bundle()
    description = json.loads((bright_set / "dataset.json").read_text())
    (bright_set / "dataset.json").write_text(json.dumps({**description, "classes": ["carton", "qr", "barcode"]}))
    done = evaluate("--bundle", str(made.folder), "--trusted-key", str(made.public), "--set", str(bright_set))
    assert done.returncode == 1
    assert "bright has the classes ('carton', 'qr', 'barcode')" in done.stderr

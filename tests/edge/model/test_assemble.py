"""A bundle is built from the records of its makers: nothing is typed again, and nothing of another model slips in."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.model.bundle import open_bundle
from edge.model.detector import load_detector

Make = Callable[..., Any]
DATA = {"name": "belt", "licence": "CC-BY-4.0", "source": "a test", "digest": "1" * 64, "pictures": 7}


@pytest.fixture
def export(make_bundle: Make) -> Any:
    """Write the brightness model as an export, with its record."""
    made = make_bundle()
    record = {
        "schema": "edgekit.export/1",
        "licence": "AGPL-3.0-only",
        "classes": ["carton", "barcode", "qr"],
        "input": {"height": 64, "width": 64},
        "head": "yolo-grid",
        "data": [DATA],
        "weights": {"name": "start.pt", "licence": "AGPL-3.0-only", "source": "a test"},
        "recipe": "make it",
    }
    (made.export / "detector.json").write_text(json.dumps(record))
    return made


def bundle(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "edge", "bundle", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def build(made: Any, out: Path, *more: object, picture: Path | None = None) -> "subprocess.CompletedProcess[str]":
    fixed = ("--export", made.export, "--key", made.private, "--name", "belt", "--version", "1")
    return bundle("build", out, *fixed, "--self-test", picture or made.folder / "self-test.png", *more)


def test_a_bundle_says_of_itself_what_its_records_say_and_runs(export: Any, tmp_path: Path):
    out = tmp_path / "built"
    done = build(export, out)
    assert done.returncode == 0, done.stderr
    opened = open_bundle(out, [export.public])
    assert [entry.model_dump() for entry in opened.manifest.data] == [DATA]
    assert opened.manifest.recipe == "make it"
    assert [expected.label for expected in opened.manifest.self_test.expected] == ["carton"]
    for backend in ("openvino", "onnxruntime"):
        assert len(load_detector(opened, backend=backend).detect(np.full((64, 64, 3), 255, np.uint8))) == 1
    shown = bundle("show", out, "--trusted-key", export.public)
    for word in ("AGPL-3.0-only", "CC-BY-4.0", "start.pt", "belt", "make it"):
        assert word in shown.stdout
    verified = bundle("verify", out, "--trusted-key", export.public)
    assert verified.returncode == 0
    assert opened.digest in verified.stdout


def test_metrics_go_in_for_the_very_file_that_was_measured(export: Any, tmp_path: Path):
    digest = hashlib.sha256((export.export / "detector.onnx").read_bytes()).hexdigest()

    def evaluation(sha256: str) -> Path:
        classes = [{"name": "carton", "map50": 0.9, "map50_95": 0.7}]
        models = [
            {
                "format": format_,
                "sha256": sha256,
                "backend": "x",
                "version": "1",
                "precision": "fp32",
                "classes": classes,
            }
            for format_ in ("openvino", "onnx")
        ]
        report = {"bundle": "b", "digest": "0", "split": "val", "sets": {}, "models": models, "int8_costs": []}
        path = tmp_path / "evaluation.json"
        path.write_text(json.dumps(report))
        return path

    assert build(export, tmp_path / "good", "--evaluation", evaluation(digest)).returncode == 0
    models = open_bundle(tmp_path / "good", [export.public]).manifest.models
    assert [model.metrics for model in models] == [{"map50/carton": 0.9, "map50-95/carton": 0.7}] * 2
    done = build(export, tmp_path / "bad", "--evaluation", evaluation("2" * 64))
    assert done.returncode == 1
    assert "the evaluation is of another file" in done.stderr
    assert not (tmp_path / "bad").exists()


def test_int8_files_of_another_model_are_refused(export: Any, tmp_path: Path):
    int8 = tmp_path / "int8"
    int8.mkdir()
    for name in ("detector-int8.xml", "detector-int8.bin", "detector-int8.onnx"):
        (int8 / name).write_bytes(b"whatever")
    record = {
        "schema": "edgekit.quantization/1",
        "model": "detector.onnx",
        "model_sha256": "3" * 64,
        "calibration": {"digest": "4" * 64, "pictures": 1},
        "seed": 0,
        "float_nodes": {},
        "versions": {},
    }
    (int8 / "quantization.json").write_text(json.dumps(record))
    done = build(export, tmp_path / "built", "--int8", int8)
    assert done.returncode == 1
    assert "was quantised from another model" in done.stderr
    assert not (tmp_path / "built").exists()


def test_a_self_test_picture_that_shows_nothing_is_refused(export: Any, tmp_path: Path):
    dark = tmp_path / "dark.png"
    cv2.imwrite(str(dark), np.zeros((64, 64, 3), np.uint8))
    done = build(export, tmp_path / "built", picture=dark)
    assert done.returncode == 1
    assert "do not agree on anything" in done.stderr
    assert not (tmp_path / "built").exists()


def test_a_folder_without_a_record_is_named_with_the_command_that_makes_one(export: Any, tmp_path: Path):
    (export.export / "detector.json").unlink()
    done = build(export, tmp_path / "built")
    assert done.returncode == 1
    assert "make it with `edgekit train export`" in done.stderr

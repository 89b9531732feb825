"""`edgekit evaluate` scores a classifier's bundle through the runtime's own code."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.evaluate.openings import OPENINGS
from edge.model.bundle import open_classifier_bundle

Make = Callable[..., Any]
PICTURES = {"a.png": ((220, 0, 0), "blue"), "b.png": ((0, 220, 0), "green"), "c.png": ((0, 0, 220), "blue")}


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """Write a set of three pictures, the last of them with a wrong tag, in a part val and a part test."""
    folder = tmp_path / "colours"
    (folder / "images").mkdir(parents=True)
    rows = ["picture,part,group,colour"]
    for part in ("val", "test"):
        for name, (bgr, colour) in PICTURES.items():
            cv2.imwrite(str(folder / "images" / f"{part}-{name}"), np.full((40, 24, 3), bgr, np.uint8))
            rows.append(f"{part}-{name},{part},,{colour}")
    (folder / "tags.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def described(folder: Path, taxonomy: Any) -> Path:
    record = {"name": "colours", "licence": "CC0-1.0", "source": "a test", "pictures": 6, "digest": "0" * 64}
    (folder / "tags.json").write_text(json.dumps({**record, "taxonomy": taxonomy}), encoding="utf-8")
    return folder


def evaluate(made: Any, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "edge", "evaluate", "--bundle", made.folder, "--trusted-key", made.public]
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def test_both_engines_are_scored_by_attribute(make_classifier_bundle: Make, tagged: Path):
    made = make_classifier_bundle()
    taxonomy = open_classifier_bundle(made.folder, [made.public]).manifest.taxonomy.model_dump(mode="json")
    done = evaluate(made, "--set", described(tagged, taxonomy), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["split"], report["pictures"], report["openings"]) == ("val", 3, None)
    assert [model["backend"] for model in report["models"]] == ["onnxruntime", "openvino"]
    for model in report["models"]:
        by_name = {score["attribute"]: score["accuracy"] for score in model["attributes"]}
        assert by_name == {"colour": pytest.approx(2 / 3), "warmth": pytest.approx(2 / 3)}
    shown = evaluate(made, "--set", tagged, "--split", "test")
    assert "the test part of colours was opened 1 times" in shown.stdout
    assert "colour: accuracy 0.667" in shown.stdout
    assert len((tagged / OPENINGS).read_text().splitlines()) == 1


def test_a_set_of_other_attributes_or_several_sets_are_refused(make_classifier_bundle: Make, tagged: Path):
    made = make_classifier_bundle()
    other = {"attributes": [{"name": "colour", "values": ["blue", "green"]}]}
    done = evaluate(made, "--set", described(tagged, other))
    assert done.returncode == 1
    assert "has other attributes or values" in done.stderr
    twice = evaluate(made, "--set", tagged, "--set", tagged)
    assert twice.returncode == 1
    assert "one tagged set" in twice.stderr

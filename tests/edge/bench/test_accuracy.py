"""Accuracy beside speed: every way to compute a model is scored on the same pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("faster_coco_eval", reason="the extra [eval] is not installed")

from edge.bench.accuracy import score, ways_of
from edge.bench.record import Way
from edge.bench.ways import opened
from edge.evaluate.dataset import open_set


def test_accuracy_is_told_of_each_file_and_of_what_was_measured(
    make_bundle: Callable[..., Any], bright_set: Path
) -> None:

    made = make_bundle()
    _, bundle = opened(made.folder, (made.public,))
    measured = Way(backend="openvino", precision="fp32", hint="f32")
    ways = ways_of(bundle, [measured, measured])
    assert [str(way) for way in ways] == ["onnxruntime fp32", "openvino fp32"]
    scores = score(bundle, ways, [open_set(bright_set)], "cpu", lambda _: None)
    assert [[(one.name, one.map50) for one in each.classes] for each in scores] == [[("carton", 1.0)]] * 2
    assert scores[0].sets == {"bright": 6}

"""Of the ways to run a model the fastest is taken, and the more exact one where the difference is not worth it."""

from collections.abc import Callable
from typing import Any

import pytest

from devices.errors import EdgekitError
from edge.model.bundle import open_bundle
from edge.model.choice import Choice, backend_for, best, candidates

EXACT, COARSE, COARSEST = (
    Choice("openvino", "fp32"),
    Choice("openvino", "fp32", "bf16"),
    Choice("openvino", "int8"),
)


@pytest.mark.parametrize(
    ("ms", "chosen"),
    [
        ({EXACT: 20.0, COARSE: 12.0, COARSEST: 8.0}, COARSEST),
        ({EXACT: 20.0, COARSE: 12.0, COARSEST: 11.5}, COARSE),
        ({EXACT: 20.0, COARSE: 19.0, COARSEST: 18.5}, EXACT),
        ({EXACT: 20.0, COARSE: 40.0, COARSEST: 17.0}, COARSEST),
        ({COARSEST: 9.0}, COARSEST),
    ],
)
def test_what_computes_less_exactly_must_be_faster_by_a_tenth(ms: dict[Choice, float], chosen: Choice):
    assert best(ms) == chosen


def test_every_file_is_a_candidate_on_each_engine_that_reads_it(make_bundle: Callable[..., Any]):
    made = make_bundle()
    bundle = open_bundle(made.folder, [made.public])
    assert [str(way) for way in candidates(bundle, "auto", "cpu")] == [
        "openvino fp32 in f32",
        "onnxruntime fp32 in f32",
        "openvino fp32 in f16",
        "openvino fp32 in bf16",
    ]
    assert [way.backend for way in candidates(bundle, "auto", "cuda")] == ["onnxruntime"]
    assert {way.backend for way in candidates(bundle, "auto", "gpu")} == {"openvino"}


def test_a_device_of_the_other_engine_is_refused_with_what_to_set():
    with pytest.raises(EdgekitError, match="openvino has no device cuda: set backend = 'onnxruntime'"):
        backend_for("openvino", "cuda")
    with pytest.raises(EdgekitError, match="onnxruntime has no precision bf16: set backend = 'openvino'"):
        backend_for("onnxruntime", "cpu", "bf16")
    assert backend_for("auto", "tensorrt") == "onnxruntime"
    assert backend_for("auto", "cpu") == "auto"

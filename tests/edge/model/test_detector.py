"""A detector finds the same on both engines, proves itself as it is loaded, and refuses heads it does not know."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.model.bundle import open_bundle
from edge.model.detector import Backend, load_detector, load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.manifest import Expected, SelfTest, Thresholds

Make = Callable[..., Any]
BACKENDS: list[Backend] = ["openvino", "onnxruntime"]


def opened(made: Any) -> Any:
    return open_bundle(made.folder, [made.public])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_detection_lands_in_frame_pixels_whatever_the_frames_shape(make_bundle: Make, backend: Backend):
    detector = load_detector(opened(make_bundle()), backend=backend)
    found = detector.detect(np.full((120, 320, 3), 255, np.uint8))
    # The box is the middle half of a 64 px input, in which 320x120 lies as 64x24: five frame pixels each.
    assert found.xyxy.tolist() == [[80.0, 20.0, 240.0, 100.0]]
    assert found.score.tolist() == pytest.approx([1.0])
    assert found.class_id.tolist() == [0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_scores_below_the_threshold_is_dropped(make_bundle: Make, backend: Backend):
    detector = load_detector(opened(make_bundle()), backend=backend)
    # Padding is grey 114, below the threshold of 0.5 too.
    assert len(detector.detect(np.zeros((64, 64, 3), np.uint8))) == 0


def test_auto_takes_openvino_first_and_says_so(make_bundle: Make):
    assert load_detector(opened(make_bundle())).info.backend == "openvino"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_head_that_the_runtime_does_not_know_is_one_clear_line(make_bundle: Make, backend: Backend):
    with pytest.raises(EdgekitError, match="this version knows yolo-grid") as refused:
        load_detector(opened(make_bundle(head_rows=9)), backend=backend)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_that_fails_its_own_self_test_does_not_start(make_bundle: Make, backend: Backend):
    wrong = SelfTest(picture="self-test.png", expected=(Expected(label="qr", score=0.9, xyxy=(0, 0, 9, 9)),))
    with pytest.raises(EdgekitError, match="fails its self-test"):
        load_detector(opened(make_bundle(self_test=wrong)), backend=backend)


def test_a_precision_that_the_bundle_does_not_hold_is_named_with_those_it_holds(make_bundle: Make):
    with pytest.raises(EdgekitError, match="it holds onnx fp32, openvino fp32"):
        load_detector(opened(make_bundle()), precision="int8")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_file_that_is_no_model_is_one_clear_line(backend: Backend, tmp_path: Any):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(EdgekitError, match="cannot load") as refused:
        load_engine(backend, EngineRequest(ModelContent.read(broken), "fp32", 64, 64, 1))
    assert "\n" not in str(refused.value)


def test_a_threshold_above_what_the_self_test_expects_is_allowed(make_bundle: Make):
    made = make_bundle(thresholds=Thresholds(score=0.99, nms_iou=0.6))
    assert len(load_detector(opened(made)).detect(np.full((64, 64, 3), 255, np.uint8))) == 1

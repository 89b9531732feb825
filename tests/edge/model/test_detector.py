"""A detector finds the same on both engines, proves itself as it is loaded, and refuses heads it does not know."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import openvino as ov
import pytest

from devices.errors import EdgekitError
from edge.model.bundle import open_bundle
from edge.model.detector import Backend, load_detector, load_engine
from edge.model.engine import Device, EngineRequest, Hint, ModelContent, Placement
from edge.model.manifest import Expected, SelfTest, Thresholds
from edge.model.openvino_engine import cpu_hints

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


@pytest.mark.parametrize(
    ("backend", "device", "told"),
    [
        ("onnxruntime", "cuda", "has no CUDAExecutionProvider, only"),
        ("onnxruntime", "tensorrt", "has no TensorrtExecutionProvider, only"),
        ("openvino", "npu", "finds no NPU here, only"),
    ],
)
def test_a_device_that_is_not_here_is_one_clear_line_unless_the_cpu_may_stand_in(
    make_bundle: Make, backend: Backend, device: Device, told: str
):
    bundle = opened(make_bundle())
    with pytest.raises(EdgekitError, match=told) as refused:
        load_detector(bundle, backend=backend, placement=Placement(device))
    assert "allow_cpu_fallback = true" in str(refused.value)
    assert "\n" not in str(refused.value)
    allowed = load_detector(bundle, backend=backend, placement=Placement(device, allow_cpu_fallback=True))
    assert allowed.info.device in ("CPU", "CPUExecutionProvider")


@pytest.mark.parametrize(
    ("backend", "placement", "told"),
    [
        ("onnxruntime", Placement("gpu"), "gpu is a device of OpenVINO"),
        ("openvino", Placement("cuda"), "cuda is a provider of ONNX Runtime"),
        ("onnxruntime", Placement(hint="bf16"), "not in bf16"),
    ],
)
def test_what_the_other_engine_can_is_told_as_such(
    make_bundle: Make, backend: Backend, placement: Placement, told: str
):
    with pytest.raises(EdgekitError, match=told):
        load_detector(opened(make_bundle()), backend=backend, placement=placement)


@pytest.mark.parametrize("hint", ["f32", "bf16", "f16"])
def test_openvino_computes_in_what_is_asked_for_or_says_that_this_cpu_does_not(make_bundle: Make, hint: Hint):
    bundle = opened(make_bundle())
    if hint in cpu_hints(ov.Core()):
        assert load_detector(bundle, backend="openvino", placement=Placement(hint=hint)).info.hint == hint
    else:
        with pytest.raises(EdgekitError, match=f"this CPU does not compute in {hint}, only in f32"):
            load_detector(bundle, backend="openvino", placement=Placement(hint=hint))


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_threads_share_the_requests(make_bundle: Make, backend: Backend):
    detector = load_detector(opened(make_bundle()), backend=backend, requests=4)
    pictures = [np.full((64, 64, 3), level, np.uint8) for level in range(130, 250)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(detector.detect, pictures))
    assert [float(each.score[0]) for each in found] == pytest.approx(
        [level / 255 for level in range(130, 250)], abs=0.01
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_one_picture_gave_stays_as_it_was_while_the_next_is_inferred(make_bundle: Make, backend: Backend):
    detector = load_detector(opened(make_bundle()), backend=backend)
    dark = np.zeros((1, 64, 64, 3), np.uint8)
    bright = np.full((1, 64, 64, 3), 255, np.uint8)
    first = detector.infer(dark)
    kept = [output.copy() for output in first]
    second = detector.infer(bright)  # by the same request, since there is one alone
    assert all(np.array_equal(one, other) for one, other in zip(first, kept, strict=True))
    assert not any(np.shares_memory(one, other) for one, other in zip(first, second, strict=True))
    assert any(not np.array_equal(one, other) for one, other in zip(first, second, strict=True))

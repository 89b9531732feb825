"""A model that segments keeps its masks on the way from a checkpoint to detections, on both engines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ultralytics.utils import ops

from edge.model.decode import Decoder
from edge.model.detections import iou
from edge.model.detector import Backend, Detector, load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.geometry import Letterbox
from edge.model.masks import masks_from_prototypes
from train import yolo_models as yolo
from train.export import Exported, export_onnx

HEIGHT, WIDTH = 96, 128
FRAME = (160, 256)  # lies in the input with grey above and below


def untrained(name: str, folder: Path) -> Path:
    """Write a checkpoint with random weights whose batch norms have seen something."""
    model: Any = yolo.load(yolo.model_yaml(name, 3, folder / f"{name}.yaml"))
    torch.manual_seed(0)
    model.model.train()
    with torch.no_grad():
        for _ in range(3):
            model.model(torch.rand(2, 3, HEIGHT, WIDTH))
    model.model.eval()
    path = folder / f"{name}.pt"
    model.save(path)
    return path


def detector_on(backend: str, file: Path, exported: Exported) -> Detector:
    engine = load_engine(backend, EngineRequest(ModelContent.read(file), "fp32", HEIGHT, WIDTH, 1))
    decoder = Decoder(exported.head, len(exported.classes), 1e-4, 0.7)
    return Detector(engine, decoder, exported.classes, HEIGHT, WIDTH)


def test_both_engines_compute_pytorchs_predictions_and_prototypes(tmp_path: Path):
    weights = untrained("yolo11n-seg", tmp_path)
    exported = export_onnx(weights, tmp_path / "model.onnx", height=HEIGHT, width=WIDTH)
    assert exported.head == "yolo-grid-seg"
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    rgb = np.ascontiguousarray(picture[:, :, ::-1].transpose(2, 0, 1))[None]
    with torch.no_grad():
        expected = yolo.load(weights).model.float().eval()(torch.from_numpy(rgb).float() / 255)[0]
    for backend in ("openvino", "onnxruntime"):
        found = detector_on(backend, tmp_path / "model.onnx", exported).infer(picture[None])
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-2, rtol=1e-3)


def test_both_engines_give_the_nms_free_heads_masks_alike(tmp_path: Path):
    weights = untrained("yolo26n-seg", tmp_path)
    exported = export_onnx(weights, tmp_path / "model.onnx", height=HEIGHT, width=WIDTH, top_k=True)
    assert exported.head == "yolo-topk-seg"
    picture = np.random.default_rng(0).integers(0, 255, (*FRAME, 3), dtype=np.uint8)
    backends: list[Backend] = ["openvino", "onnxruntime"]
    first, second = (detector_on(name, tmp_path / "model.onnx", exported).detect(picture) for name in backends)
    assert first.masks is not None
    assert second.masks is not None
    compared = 0
    for row in range(len(first)):
        same = np.flatnonzero((iou(second.xyxy, first.xyxy[row]) > 0.99) & (second.class_id == first.class_id[row]))
        if len(same) == 1:
            ours, theirs = first.masks.painted(row, 256, 160), second.masks.painted(int(same[0]), 256, 160)
            assert (ours != theirs).mean() < 0.01
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize("frame", [FRAME, (300, 200), (96, 128)])
def test_masks_are_ultralytics_own(frame: tuple[int, int]):
    random = np.random.default_rng(3)
    # Prototypes without fine noise, as a trained model's are: of noise alone each mask is an accident of rounding.
    smooth = torch.nn.functional.interpolate(
        torch.from_numpy(random.normal(size=(1, 32, 6, 8)).astype(np.float32)), (24, 32), mode="bicubic"
    )[0]
    coefficients = random.normal(size=(12, 32)).astype(np.float32)
    height, width = frame
    corners = random.uniform(0, 0.6, (12, 2)) * (width, height)
    sizes = random.uniform(0.1, 0.4, (12, 2)) * (width, height)
    boxes = np.concatenate([corners, corners + sizes], axis=1).astype(np.float32)
    letterbox = Letterbox.fit(width, height, WIDTH, HEIGHT)
    theirs = ops.process_mask_native(smooth, torch.from_numpy(coefficients), torch.from_numpy(boxes), frame).numpy()
    ours = masks_from_prototypes(coefficients, smooth.numpy(), boxes, letterbox)
    shares: list[float] = []
    for row in range(12):
        # Where a box ends, a pixel may count or not: that is decided by its middle here, and by its corner there.
        left, top, right, bottom = (round(float(edge)) for edge in boxes[row])
        inside = np.s_[top + 1 : bottom - 1, left + 1 : right - 1]
        mine, other = ours.painted(row, width, height)[inside], theirs[row][inside]
        assert (mine != other).mean() < 0.03
        shares.append(float(other.mean()))
    assert 0.2 < np.mean(shares) < 0.8

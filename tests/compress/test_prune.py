"""A YOLO taken apart computes what it did; pruned, it is smaller, still its own, and the same on every engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from compress.model_size import exported_size
from compress.prunable_detector import PrunableDetector, left_alone
from compress.prune import LEFT, channels_of
from devices.errors import EdgekitError
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from train import yolo_models as yolo
from train.export import export_onnx
from train.model_shape import mark_pruned

Checkpoint = Callable[[str], Path]
FAMILIES = ("yolov8n", "yolo11n", "yolo26n")
PX = 64


def prunable(weights: Path, *, top_k: bool = False) -> PrunableDetector:
    return PrunableDetector.of(yolo.load(weights).model.float(), weights, height=PX, width=PX, top_k=top_k)


def output(model: Any, picture: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        decoded, raw = model(picture)
    heads = [raw[name] for name in ("one2many", "one2one") if name in raw] or [raw]
    return [decoded, *(head[name] for head in heads for name in ("scores", "boxes"))]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_taken_apart_computes_what_it_did(random_checkpoint: Checkpoint, family: str):
    weights = random_checkpoint(family)
    whole = yolo.load(weights).model.float().eval()
    apart = prunable(weights).model
    assert len(apart.model) > len(whole.model)
    picture = torch.rand(2, 3, PX, 96, generator=torch.Generator().manual_seed(1))
    for expected, found in zip(output(whole, picture), output(apart, picture), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pruned_model_is_smaller_and_the_same_on_every_engine(
    random_checkpoint: Checkpoint, tmp_path: Path, family: str
):
    whole = prunable(random_checkpoint(family))
    pruned = whole.pruned(0.3)
    before, after = whole.size(whole.model), whole.size(pruned)
    assert after.macs < 0.8 * before.macs
    assert after.parameters < 0.8 * before.parameters

    yolo.save_checkpoint(pruned, {}, tmp_path / "pruned.pt")
    export_onnx(tmp_path / "pruned.pt", tmp_path / "pruned.onnx", height=PX, width=PX)
    assert exported_size(tmp_path / "pruned.onnx").parameters == after.parameters
    picture = np.random.default_rng(0).integers(0, 255, (1, PX, PX, 3), dtype=np.uint8)
    rgb = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1].transpose(0, 3, 1, 2))).float() / 255
    model = yolo.load(tmp_path / "pruned.pt").model.eval()
    model.model[-1].end2end = False
    expected = output(model, rgb)[0].numpy()
    for backend in ("openvino", "onnxruntime"):
        content = ModelContent.read(tmp_path / "pruned.onnx")
        (found,) = load_engine(backend, EngineRequest(content, "fp32", PX, PX, 1)).infer(picture)
        np.testing.assert_allclose(found, expected, atol=2e-2, rtol=1e-3)


@pytest.mark.parametrize("family", ["yolov8n-seg", "yolo11n-seg"])
def test_a_pruned_model_of_outlines_gives_boxes_and_prototypes_on_every_engine(
    random_checkpoint: Checkpoint, tmp_path: Path, family: str
):
    whole = prunable(random_checkpoint(family))
    pruned = whole.pruned(0.3)
    assert whole.size(pruned).macs < 0.8 * whole.size(whole.model).macs
    yolo.save_checkpoint(pruned, {}, tmp_path / "pruned.pt")
    exported = export_onnx(tmp_path / "pruned.pt", tmp_path / "pruned.onnx", height=PX, width=PX)
    assert exported.head == "yolo-grid-seg"
    assert exported_size(tmp_path / "pruned.onnx").parameters == whole.size(pruned).parameters
    picture = np.random.default_rng(0).integers(0, 255, (1, PX, PX, 3), dtype=np.uint8)
    rgb = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1].transpose(0, 3, 1, 2))).float() / 255
    with torch.no_grad():
        expected = yolo.load(tmp_path / "pruned.pt").model.eval()(rgb)[0]
    for backend in ("openvino", "onnxruntime"):
        content = ModelContent.read(tmp_path / "pruned.onnx")
        found = load_engine(backend, EngineRequest(content, "fp32", PX, PX, 1)).infer(picture)
        for told, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(told, wanted.numpy(), atol=2e-2, rtol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_decoder_reads_and_attention_keep_their_channels_and_no_layer_is_emptied(
    random_checkpoint: Checkpoint, family: str
):
    whole = prunable(random_checkpoint(family))
    before, after = channels_of(whole.model), channels_of(whole.pruned(0.7))
    kept = {name for name in before for outer in left_alone(whole.model) if f"{name}.".startswith(f"{outer}.")}
    assert len([name for name in kept if "cv2" in name or "cv3" in name]) >= 6
    assert any("attn" in name for name in kept) == (family != "yolov8n")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert all(after[name] >= LEFT * before[name] - 8 and after[name] > 0 for name in before)


def test_a_pruned_model_can_be_pruned_further(random_checkpoint: Checkpoint, tmp_path: Path):
    once = prunable(random_checkpoint("yolov8n"))
    pruned = once.pruned(0.2)
    mark_pruned(pruned)
    yolo.save_checkpoint(pruned, {}, tmp_path / "once.pt")
    again = prunable(tmp_path / "once.pt")
    assert again.size(again.pruned(0.2)).macs < again.size(again.model).macs < once.size(once.model).macs


@pytest.mark.parametrize("ratio", [-0.1, 0.0, 0.71, 1.5])
def test_a_ratio_out_of_range_is_refused(random_checkpoint: Checkpoint, ratio: float):
    with pytest.raises(EdgekitError, match="is not possible"):
        prunable(random_checkpoint("yolov8n")).pruned(ratio)


def test_a_head_that_is_not_known_is_named(tmp_path: Path):
    model: Any = yolo.load(yolo.model_yaml("yolo26n-seg", 3, tmp_path / "yolo26n-seg.yaml")).model
    with pytest.raises(EdgekitError, match="the head Segment26, which pruning does not know"):
        PrunableDetector.of(model, tmp_path / "seg.pt", height=PX, width=PX, top_k=False)


def test_a_folded_model_is_refused(random_checkpoint: Checkpoint):
    weights = random_checkpoint("yolov8n")
    model: Any = yolo.load(weights).model.fuse(verbose=False)
    with pytest.raises(EdgekitError, match="batch norms folded"):
        PrunableDetector.of(model, weights, height=PX, width=PX, top_k=False)


def test_an_nms_free_head_is_counted_only_where_there_is_one(random_checkpoint: Checkpoint):
    with pytest.raises(EdgekitError, match="has no NMS-free head"):
        prunable(random_checkpoint("yolov8n"), top_k=True)
    weights = random_checkpoint("yolo26n")
    free = prunable(weights, top_k=True)
    assert free.size(free.model).parameters == prunable(weights).size(free.model).parameters


def narrowed(model: Any) -> Any:
    """Take a channel out of the first two layers, as another tool would."""
    first, second = model.model[0], model.model[1]
    for name in ("weight",):
        getattr(first.conv, name).data = getattr(first.conv, name).data[:-1]
    for value in (*first.bn.parameters(), *first.bn.buffers()):
        if value.ndim:
            value.data = value.data[:-1]
    second.conv.weight.data = second.conv.weight.data[:, :-1]
    return model


def test_a_model_that_was_pruned_elsewhere_is_refused(random_checkpoint: Checkpoint):
    weights = random_checkpoint("yolov8n")
    model = narrowed(yolo.load(weights).model)
    with pytest.raises(EdgekitError, match=r"model\.0\.conv\.weight is .* pruned or changed elsewhere"):
        PrunableDetector.of(model, weights, height=PX, width=PX, top_k=False)

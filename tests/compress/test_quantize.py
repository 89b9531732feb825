"""A real detector is quantised for both engines, its tail in float, on the user's own pictures."""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import openvino as ov
import pytest

from compress.calibration import draw_calibration
from compress.quantize import input_size, quantize
from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import DETECTOR
from train import ultralytics_adapter as yolo
from train.export import export_onnx
from train.sets import describe

HEIGHT, WIDTH = 64, 96


@pytest.fixture
def pictures(tmp_path: Path) -> DetectionSet:
    folder = tmp_path / "set"
    (folder / "images" / "train").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(12):
        cv2.imwrite(
            str(folder / "images" / "train" / f"{index}.png"), rng.integers(0, 255, (48, 80, 3), dtype=np.uint8)
        )
    describe(folder, name="noise", licence="CC0-1.0", source="made by a test", labelled=("carton",))
    return open_set(folder)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    checkpoint: Any = yolo.load(yolo.model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml"))
    checkpoint.save(tmp_path / "model.pt")
    export_onnx(tmp_path / "model.pt", tmp_path / "model.onnx", height=HEIGHT, width=WIDTH)
    return tmp_path / "model.onnx"


def test_both_int8_files_compute_nearly_what_the_float_model_does(
    exported: Path, pictures: DetectionSet, tmp_path: Path
):
    record = quantize(exported, tmp_path / "int8", draw_calibration([pictures], 8, seed=0))
    assert record.calibration.pictures == 8
    picture = np.random.default_rng(1).integers(0, 255, (1, HEIGHT, WIDTH, 3), dtype=np.uint8)
    (expected,) = engine_for("onnxruntime", exported).infer(picture)
    for backend, name in (("openvino", DETECTOR.int8_openvino), ("onnxruntime", DETECTOR.int8_onnx)):
        engine = engine_for(backend, tmp_path / "int8" / name)
        (found,) = engine.infer(picture)
        assert found.shape == expected.shape
        # Random weights give boxes of a few pixels around the anchors; a quarter of a stride is far from collapse.
        assert np.abs(found[:, :4] - expected[:, :4]).max() < 2.0
        assert np.abs(found[:, 4:] - expected[:, 4:]).max() < 0.05
    tail = {name for name in record.float_nodes["onnx"] if "dfl" in name or "Sigmoid" in name}
    assert tail
    assert_float_in_onnx(tmp_path / "int8" / DETECTOR.int8_onnx, record.float_nodes["onnx"])
    assert_float_in_openvino(tmp_path / "int8" / DETECTOR.int8_openvino)


def test_calibration_looks_at_training_pictures_alone(pictures: DetectionSet):
    for split in ("val", "test"):
        (pictures.folder / "images" / split).mkdir()
        (pictures.folder / "images" / split / "kept-apart.png").write_bytes(b"a read of this fails")
    drawn = draw_calibration([pictures], 100, seed=0)
    assert {path.parent.name for path in drawn.pictures} == {"train"}
    assert len(list(drawn.tensors(HEIGHT, WIDTH))) == 12


def engine_for(backend: str, path: Path) -> Any:
    return load_engine(backend, EngineRequest(ModelContent.read(path), "fp32", HEIGHT, WIDTH, 1))


def assert_float_in_onnx(path: Path, float_nodes: tuple[str, ...]) -> None:
    graph: Any = onnx.load(str(path)).graph
    dequantised = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    by_name = {node.name: node for node in graph.node}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    quantised = [node for node in convolutions if node.input[1] in dequantised]
    assert len(quantised) > 50
    for name in float_nodes:
        if by_name[name].op_type == "Conv":
            assert by_name[name].input[1] not in dequantised


def assert_float_in_openvino(path: Path) -> None:
    model: Any = ov.Core().read_model(path)
    in_int8: dict[str, bool] = {}
    for operation in model.get_ops():
        if operation.get_type_name() == "Convolution":
            # Eight-bit weights are scaled back by a node of their own; float ones are constants.
            weights = operation.input(1).get_source_output().get_node().get_type_name()
            in_int8[operation.get_friendly_name()] = weights != "Constant"
    last = [name for name in in_int8 if re.search(r"cv[23]\.\d\.2/|dfl", name)]
    assert len(last) == 7
    assert not any(in_int8[name] for name in last)
    assert sum(in_int8.values()) > 50


def test_what_exists_is_not_overwritten_and_a_model_that_is_none_is_named(
    exported: Path, pictures: DetectionSet, tmp_path: Path
):
    (tmp_path / "there").mkdir()
    with pytest.raises(EdgekitError, match="exists"):
        quantize(exported, tmp_path / "there", draw_calibration([pictures], 2, seed=0))
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(EdgekitError, match="cannot be read as an ONNX model"):
        input_size(tmp_path / "text.onnx")


def test_the_same_seed_draws_the_same_pictures_and_the_digest_names_them(pictures: DetectionSet):
    first, again, other = (draw_calibration([pictures], 5, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.digest != other.digest
    tensor = next(first.tensors(HEIGHT, WIDTH))
    assert (tensor.shape, tensor.dtype) == ((1, HEIGHT, WIDTH, 3), np.uint8)

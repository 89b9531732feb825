"""A real detector is quantised for both engines, its tail in float, on the user's own pictures, or refused."""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import openvino as ov
import pytest
import torch

from compress.aim import DetectorAim
from compress.budget import Budget
from compress.calibration import draw_calibration
from compress.domain import check_domain
from compress.exported_model import ExportedModel, input_size
from compress.gates import Gate, Verdict
from compress.int8_scheme import Int8Scheme
from compress.onnx_int8 import OnnxQuantizer
from compress.openvino_int8 import OpenvinoQuantizer
from compress.quantize import INT8_REPORT, Int8Report, quantize
from compress.scorer import Scorer, detector_of
from compress.sensitivity import sensitivities
from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from edge.model.choice import Choice
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import DETECTOR, ExportRecord, read_quantization
from edge.model.manifest import DataEntry, Input, WeightsEntry
from train import yolo_models as yolo
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
def exported(tmp_path: Path) -> ExportedModel:
    return export(tmp_path, sure=False)


@pytest.fixture
def sure(tmp_path: Path) -> ExportedModel:
    return export(tmp_path, sure=True)


def export(tmp_path: Path, *, sure: bool, margin: int = 0) -> ExportedModel:
    """Export a detector of random weights, which finds nothing, or everything with a score of a half."""
    torch.manual_seed(0)
    checkpoint: Any = yolo.load(yolo.model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml"))
    if sure:
        for branch in checkpoint.model.model[-1].cv3:
            branch[-1].bias.data[:] = 0
    checkpoint.save(tmp_path / "model.pt")
    file = tmp_path / "export" / DETECTOR.exported
    head = export_onnx(tmp_path / "model.pt", file, height=HEIGHT, width=WIDTH, margin=margin).head
    record = ExportRecord(
        licence="AGPL-3.0-only",
        classes=("carton", "barcode", "qr"),
        input=Input(height=HEIGHT, width=WIDTH),
        head=head,
        data=(DataEntry(name="noise", licence="CC0-1.0", source="a test", digest="0" * 64, pictures=12),),
        weights=WeightsEntry(name="random", licence="CC0-1.0", source="a test"),
        recipe="a test",
    )
    (file.parent / DETECTOR.record).write_text(record.model_dump_json(by_alias=True))
    return ExportedModel.open(file)


def test_both_int8_files_compute_nearly_what_the_float_model_does(
    exported: ExportedModel, pictures: DetectionSet, tmp_path: Path
):
    quantize(exported, tmp_path / "int8", draw_calibration([pictures], 8, seed=0))
    record = read_quantization(tmp_path / "int8")
    assert record.calibration.pictures == 8
    picture = np.random.default_rng(1).integers(0, 255, (1, HEIGHT, WIDTH, 3), dtype=np.uint8)
    (expected,) = engine_for("onnxruntime", exported.file).infer(picture)
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


def test_a_silu_is_one_operator_for_openvino_whose_input_has_no_range_of_its_own(
    exported: ExportedModel, pictures: DetectionSet, tmp_path: Path
):
    drawn = draw_calibration([pictures], 2, seed=0)
    OpenvinoQuantizer(exported.file, list(drawn.tensors(HEIGHT, WIDTH))).write(tmp_path / "int8.xml")
    model: Any = ov.Core().read_model(tmp_path / "int8.xml")
    fed_by: dict[str, list[str]] = {}
    for operation in model.get_ops():
        sources = [each.get_source_output().get_node().get_type_name() for each in operation.inputs()]
        fed_by.setdefault(operation.get_type_name(), []).extend(sources)
    assert len(fed_by["Swish"]) > 50
    assert "FakeQuantize" not in fed_by["Swish"]
    assert len(fed_by["Sigmoid"]) == 1, "the scores' own"


def test_a_margin_is_put_around_bytes_for_openvino_and_changes_nothing_else(pictures: DetectionSet, tmp_path: Path):
    exported = export(tmp_path, sure=True, margin=16)
    drawn = draw_calibration([pictures], 8, seed=0)
    OpenvinoQuantizer(exported.file, list(drawn.tensors(HEIGHT, WIDTH))).write(tmp_path / "int8.xml")
    model: Any = ov.Core().read_model(tmp_path / "int8.xml")
    (of_bytes,) = (
        each
        for each in model.get_ops()
        if each.get_type_name() == "FakeQuantize" and each.input_value(0).get_node().get_type_name() == "Convert"
    )
    limits = [float(each.get_source_output().get_node().get_data().item()) for each in of_bytes.inputs()[1:]]
    assert limits == pytest.approx([0, 255, 0, 255], abs=0.5), "white is not taken for light grey"
    (pad,) = (each for each in model.get_ops() if each.get_type_name() == "Pad")
    assert pad.input_value(0).get_node().get_type_name() == "Parameter"
    picture = next(drawn.tensors(HEIGHT, WIDTH))
    (expected,) = engine_for("onnxruntime", exported.file).infer(picture)
    (found,) = engine_for("openvino", tmp_path / "int8.xml").infer(picture)
    assert found.shape == expected.shape
    # As above: a margin of another size, place or brightness moves boxes by far more.
    assert np.abs(found[:, :4] - expected[:, :4]).max() < 2.0
    assert np.abs(found[:, 4:] - expected[:, 4:]).max() < 0.05


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
    in_int8 = convolutions_in_int8(path)
    last = [name for name in in_int8 if re.search(r"cv[23]\.\d\.2/|dfl", name)]
    assert len(last) == 7
    assert not any(in_int8[name] for name in last)
    assert sum(in_int8.values()) > 50


def convolutions_in_int8(path: Path) -> dict[str, bool]:
    """Return by name whether each convolution's weights are scaled back from eight bits; float ones are constants."""
    model: Any = ov.Core().read_model(path)
    return {
        operation.get_friendly_name(): operation.input(1).get_source_output().get_node().get_type_name() != "Constant"
        for operation in model.get_ops()
        if operation.get_type_name() == "Convolution"
    }


def test_what_exists_is_not_overwritten_and_a_model_that_is_none_is_named(
    exported: ExportedModel, pictures: DetectionSet, tmp_path: Path
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


def test_each_layers_own_share_is_measured_worst_first(sure: ExportedModel, pictures: DetectionSet):
    assert isinstance(sure.record, ExportRecord)
    tensors = list(draw_calibration([pictures], 2, seed=0).tensors(HEIGHT, WIDTH))
    quantizer = OnnxQuantizer(sure.file, tensors, Int8Scheme.ANY_CPU)
    assert len(quantizer.layers) > 50
    quantizer.layers = quantizer.layers[:3]
    found = sensitivities(quantizer, sure.file, sure.record, tensors)
    assert {one.layer for one in found} == set(quantizer.layers)
    assert found[0].moved > 0
    assert [one.moved for one in found] == sorted((one.moved for one in found), reverse=True)


def test_a_layer_that_goes_back_to_float_does_so_in_both_engines(
    exported: ExportedModel, pictures: DetectionSet, tmp_path: Path
):
    tensors = list(draw_calibration([pictures], 2, seed=0).tensors(HEIGHT, WIDTH))
    for_onnx = OnnxQuantizer(exported.file, tensors, Int8Scheme.ANY_CPU)
    back = for_onnx.layers[5]
    assert back in for_onnx.write(tmp_path / "some.onnx", [back])
    assert_float_in_onnx(tmp_path / "some.onnx", (back,))
    OpenvinoQuantizer(exported.file, tensors).write(tmp_path / "some.xml", [back])
    in_int8 = convolutions_in_int8(tmp_path / "some.xml")
    assert [name for name in in_int8 if name.startswith(f"{back}/") or name == back]
    assert not any(in_int8[name] for name in in_int8 if name.startswith(f"{back}/") or name == back)
    assert sum(in_int8.values()) > 50


def test_a_budget_that_cannot_hold_is_told_and_leaves_nothing(
    exported: ExportedModel, pictures: DetectionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    label_val(pictures)
    assert isinstance(exported.record, ExportRecord)
    aim = DetectorAim(Budget(map_points=1), Scorer.of(exported.record, [pictures]))

    def judge(*_results: object) -> Verdict:
        return Verdict(gates=(Gate(name="mAP50-95", change=-9, limit=1, kept=False),))

    monkeypatch.setattr("compress.aim.judge", judge)  # noise has no accuracy to lose
    monkeypatch.setattr("compress.fallback.STEPS", (0,))
    with pytest.raises(EdgekitError, match=r"INT8 for openvino does not keep the budget, .* mAP50-95 -9\.00"):
        quantize(exported, tmp_path / "int8", draw_calibration([pictures], 2, seed=0), aim=aim)
    assert not [path for path in tmp_path.iterdir() if "int8" in path.name]


def test_what_was_kept_is_reported_for_each_engine(exported: ExportedModel, pictures: DetectionSet, tmp_path: Path):
    label_val(pictures)
    assert isinstance(exported.record, ExportRecord)
    aim = DetectorAim(Budget(map_points=1), Scorer.of(exported.record, [pictures]))
    report = quantize(exported, tmp_path / "int8", draw_calibration([pictures], 2, seed=0), aim=aim)
    assert {engine: len(attempts) for engine, attempts in report.attempts.items()} == {"openvino": 1, "onnxruntime": 1}
    assert Int8Report.model_validate_json((tmp_path / "int8" / INT8_REPORT).read_bytes()) == report
    assert report.told()[0].startswith("openvino: mAP50-95 ")


def test_the_scheme_decides_about_bits_and_zero_points(exported: ExportedModel, pictures: DetectionSet, tmp_path: Path):
    tensors = list(draw_calibration([pictures], 2, seed=0).tensors(HEIGHT, WIDTH))
    most: dict[Int8Scheme, int] = {}
    for scheme in Int8Scheme:
        OnnxQuantizer(exported.file, tensors, scheme).write(tmp_path / "int8.onnx")
        graph: Any = onnx.load(str(tmp_path / "int8.onnx")).graph
        values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        weights = [value for value in values.values() if value.dtype == np.int8 and value.ndim == 4]
        most[scheme] = max(int(np.abs(value.astype(int)).max()) for value in weights)
        zeros = {int(values[node.input[2]]) for node in graph.node if node.op_type == "QuantizeLinear"}
        assert (zeros == {0}) == (scheme is Int8Scheme.TENSORRT)
    assert most[Int8Scheme.ANY_CPU] <= 64 < most[Int8Scheme.VNNI] <= 128


def test_pictures_of_every_kind_are_drawn_in_turn(pictures: DetectionSet):
    (pictures.folder / "labels" / "train").mkdir(parents=True)
    for index in range(12):
        rows = {3: "0 0.5 0.5 0.5 0.5\n", 7: "1 0.5 0.5 0.5 0.5\n"}.get(index, "")
        (pictures.folder / "labels" / "train" / f"{index}.txt").write_text(rows)
    for seed in range(4):
        drawn = {path.stem for path in draw_calibration([pictures], 3, seed).pictures}
        assert {"3", "7"} < drawn


def test_pictures_of_another_domain_are_refused(exported: ExportedModel, pictures: DetectionSet):
    assert isinstance(exported.record, ExportRecord)
    calibration = draw_calibration([pictures], 8, seed=0)
    check_domain(exported.file, exported.record, [pictures], calibration)  # the set of its training
    other = DetectionSet(pictures.folder, pictures.description.model_copy(update={"name": "street"}))
    with pytest.raises(EdgekitError, match=r"finds something on 0 of 8 pictures of street: .* calibrate on .* noise"):
        check_domain(exported.file, exported.record, [other], calibration)
    classes = DetectionSet(pictures.folder, pictures.description.model_copy(update={"classes": ("cat",)}))
    with pytest.raises(EdgekitError, match="has the classes"):
        check_domain(exported.file, exported.record, [classes], calibration)


def test_what_no_box_runs_is_refused(exported: ExportedModel):
    model: Any = onnx.load(str(exported.file))
    model.opset_import[0].version = 21
    onnx.save(model, str(exported.file))
    with pytest.raises(EdgekitError, match="is of operator set 21 and IR 10; boxes run up to 20 and 10"):
        ExportedModel.open(exported.file)
    model.opset_import[0].version = 17
    onnx.save(model, str(exported.file))
    record = (exported.file.parent / DETECTOR.record).read_text()
    (exported.file.parent / DETECTOR.record).write_text(record.replace('"yolo-grid"', '"yolo-topk"'))
    opened = ExportedModel.open(exported.file)
    assert isinstance(opened.record, ExportRecord)
    with pytest.raises(EdgekitError, match="no yolo-topk head of 3 classes"):
        detector_of(opened.record, opened.file, Choice("onnxruntime", "fp32"), 0.5)
    (exported.file.parent / DETECTOR.record).unlink()
    with pytest.raises(EdgekitError, match="make it with `edgekit train export`"):
        ExportedModel.open(exported.file)


def label_val(pictures: DetectionSet) -> None:
    """Give the set a val part: pictures of noise, each with a carton in its middle."""
    for folder in ("images", "labels"):
        (pictures.folder / folder / "val").mkdir(parents=True)
    for path in pictures.pictures("train")[:3]:
        (pictures.folder / "images" / "val" / path.name).write_bytes(path.read_bytes())
        (pictures.folder / "labels" / "val" / f"{path.stem}.txt").write_text("0 0.5 0.5 0.5 0.5\n")

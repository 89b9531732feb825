"""An export computes what the checkpoint computes, on both engines, and says of itself what a manifest needs."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import DETECTOR, read_export
from edge.model.geometry import PADDING
from train import yolo_models as yolo
from train.beginning import Beginning, Past, Teaching
from train.detector import TrainSettings, config_of, read_config, train_detector
from train.export import IR_VERSION, OPSET, export_onnx, export_run
from train.run_folders import CONFIG

MakeSet = Callable[..., DetectionSet]
HEIGHT, WIDTH = 64, 96


def random_checkpoint(name: str, folder: Path) -> Path:
    """Write a checkpoint with random weights whose batch norms have seen something."""
    model: Any = yolo.load(yolo.model_yaml(name, 3, folder / f"{name}.yaml"))
    model.model.train()
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(3):
            model.model(torch.rand(2, 3, HEIGHT, WIDTH))
    model.model.eval()
    path = folder / f"{name}.pt"
    model.save(path)
    return path


def torch_output(weights: Path, picture: np.ndarray) -> np.ndarray:
    model: Any = yolo.load(weights).model.float().eval()
    rgb = np.ascontiguousarray(picture[:, :, ::-1].transpose(2, 0, 1))[None]
    with torch.no_grad():
        result = model(torch.from_numpy(rgb).float() / 255)
    return (result[0] if isinstance(result, tuple) else result).numpy()


@pytest.mark.parametrize("name", ["yolov8n", "yolo11n"])
def test_both_engines_compute_what_pytorch_computes(name: str, tmp_path: Path):
    weights = random_checkpoint(name, tmp_path)
    exported = tmp_path / "model.onnx"
    classes = export_onnx(weights, exported, height=HEIGHT, width=WIDTH).classes
    assert len(classes) == 3
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    expected = torch_output(weights, picture)
    for backend in ("openvino", "onnxruntime"):
        engine = load_engine(backend, EngineRequest(ModelContent.read(exported), "fp32", HEIGHT, WIDTH, 1))
        (found,) = engine.infer(picture[None])
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=2e-2, rtol=1e-3)


def test_the_nms_free_head_of_a_yolo26_is_exported_when_asked_for(tmp_path: Path):
    weights = random_checkpoint("yolo26n", tmp_path)
    export_onnx(weights, tmp_path / "model.onnx", height=HEIGHT, width=WIDTH, top_k=True)
    content = ModelContent.read(tmp_path / "model.onnx")
    engine = load_engine("onnxruntime", EngineRequest(content, "fp32", HEIGHT, WIDTH, 1))
    (rows,) = engine.infer(np.zeros((1, HEIGHT, WIDTH, 3), np.uint8))
    assert rows.shape[2] == 6


@pytest.mark.parametrize(("name", "top_k"), [("yolov8n", False), ("yolo26n", True), ("yolov8n-seg", False)])
def test_a_margin_is_what_grey_around_the_picture_would_be(name: str, tmp_path: Path, *, top_k: bool):
    weights = random_checkpoint(name, tmp_path)
    export_onnx(weights, tmp_path / "wide.onnx", height=HEIGHT + 32, width=WIDTH + 32, top_k=top_k)
    export_onnx(weights, tmp_path / "margin.onnx", height=HEIGHT, width=WIDTH, margin=16, top_k=top_k)
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    padded = np.pad(picture, ((16, 16), (16, 16), (0, 0)), constant_values=PADDING)
    for backend in ("openvino", "onnxruntime"):
        wide, bare = (
            load_engine(backend, EngineRequest(ModelContent.read(tmp_path / file), "fp32", rows, columns, 1))
            for file, rows, columns in (("wide.onnx", HEIGHT + 32, WIDTH + 32), ("margin.onnx", HEIGHT, WIDTH))
        )
        expected, *whole = wide.infer(padded[None])
        found, *prototypes = bare.infer(picture[None])
        if top_k:
            np.testing.assert_allclose(found[:, :, :4] + 16, expected[:, :, :4], atol=2e-2)
            np.testing.assert_allclose(found[:, :, 4:], expected[:, :, 4:], atol=1e-4)
        else:
            np.testing.assert_allclose(found[:, :2] + 16, expected[:, :2], atol=2e-2)
            np.testing.assert_allclose(found[:, 2:], expected[:, 2:], atol=2e-2)
        for inside, all_of_it in zip(prototypes, whole, strict=True):
            np.testing.assert_allclose(inside, all_of_it[:, :, 4:-4, 4:-4], atol=1e-3)


def test_a_margin_that_no_head_can_have_is_named(tmp_path: Path):
    (tmp_path / "model.pt").write_bytes(b"")
    with pytest.raises(EdgekitError, match="a margin of 8 pixels is not possible: it must be a multiple of 16"):
        export_onnx(tmp_path / "model.pt", tmp_path / "model.onnx", height=HEIGHT, width=WIDTH, margin=8)


def test_an_export_is_what_the_oldest_runtime_reads(tmp_path: Path):
    weights = random_checkpoint("yolov8n", tmp_path)
    export_onnx(weights, tmp_path / "model.onnx", height=HEIGHT, width=WIDTH)
    model: Any = onnx.load(str(tmp_path / "model.onnx"))
    assert model.ir_version == IR_VERSION <= 10
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [OPSET]
    assert OPSET <= 20


def test_a_runs_export_names_data_weights_and_the_command(make_set: MakeSet, tmp_path: Path):
    weights = random_checkpoint("yolov8n", tmp_path)
    settings = TrainSettings(weights=weights, input_px=64, epochs=1, batch=4, freeze=0, plain_epochs=0)
    train_detector(settings, [make_set("cartons", ("carton",), 0)], tmp_path / "run")
    export_run(tmp_path / "run", tmp_path / "export", height=HEIGHT, width=WIDTH)
    record = read_export(tmp_path / "export")
    assert (tmp_path / "export" / DETECTOR.exported).exists()
    assert record.licence == "AGPL-3.0-only AND LicenseRef-unknown"  # random weights that say nothing of themselves
    assert [(entry.name, entry.licence) for entry in record.data] == [("cartons", "CC0-1.0")]
    assert record.recipe.startswith("edgekit train detector OUT --set cartons --")
    for option in ("weights yolov8n.pt", "input-px 64", "epochs 1", "batch 4", "freeze 0", "plain-epochs 0"):
        assert f" --{option}" in record.recipe
    with pytest.raises(EdgekitError, match="exists"):
        export_run(tmp_path / "run", tmp_path / "export", height=HEIGHT, width=WIDTH)


def test_what_an_earlier_run_or_a_teacher_learnt_from_is_told_by_the_run_that_begins_with_its_checkpoint(
    make_set: MakeSet, tmp_path: Path
):
    first, second = tmp_path / "first", tmp_path / "second"
    settings = TrainSettings(
        weights=random_checkpoint("yolov8n", tmp_path), input_px=64, epochs=1, batch=4, freeze=0, plain_epochs=0
    )
    best = train_detector(settings, [make_set("cartons", ("carton",), 0)], first)
    train_detector(settings.model_copy(update={"weights": best}), [make_set("dock", ("carton",), 0)], second)
    record = export_run(second, tmp_path / "export", height=HEIGHT, width=WIDTH)
    assert [entry.name for entry in record.data] == ["dock", "cartons"]
    assert record.weights == read_config(first).first_weights
    before, after = record.recipe.split(" && ")
    assert before == read_config(first).command
    assert " --set dock " in after
    shutil.copy(best, tmp_path / "copied.pt")
    assert config_of(tmp_path / "copied.pt") == read_config(first)  # a copy carries its record within
    stock = Past(command="made by a test", weights=record.weights, learnt_from=())
    taught = Beginning(stock, Teaching(tmp_path / "copied.pt", 1.0))
    train_detector(settings, [make_set("gate", ("carton",), 0)], tmp_path / "third", beginning=taught)
    assert [entry.name for entry in read_config(tmp_path / "third").all_learnt_from] == ["gate", "cartons"]
    (first / CONFIG).write_text("{}")
    with pytest.raises(EdgekitError, match="is no record of a training run"):
        config_of(best)


def test_weights_that_do_not_say_what_they_learnt_from_are_recorded_as_unknown(make_set: MakeSet, tmp_path: Path):
    stranger = random_checkpoint("yolov8n", tmp_path)
    settings = TrainSettings(weights=stranger, input_px=64, epochs=1, batch=4, freeze=0, plain_epochs=0)
    train_detector(settings, [make_set("cartons", ("carton",), 0)], tmp_path / "run")
    told = read_config(tmp_path / "run").first_weights
    assert told.licence == "AGPL-3.0-only AND LicenseRef-unknown"
    assert told.source == "a checkpoint that does not say what it learnt from"


@pytest.mark.parametrize(("height", "width"), [(60, 96), (64, 100), (0, 64)])
def test_a_size_that_no_head_can_have_is_named(tmp_path: Path, height: int, width: int):
    (tmp_path / "model.pt").write_bytes(b"")
    with pytest.raises(EdgekitError, match=f"{height}x{width} is not possible"):
        export_onnx(tmp_path / "model.pt", tmp_path / "model.onnx", height=height, width=width)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path):
    with pytest.raises(EdgekitError, match="cannot be read as the record of a training run"):
        export_run(tmp_path, tmp_path / "export", height=HEIGHT, width=WIDTH)

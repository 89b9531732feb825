"""A classifier begins with the backbone of a detector: its weights, its stages, its licence and its past come along."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner
from ultralytics import YOLO

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import CLASSIFIER
from edge.model.manifest import DataEntry
from train.checkpoints import load_state
from train.classifier.backbones import create_backbone
from train.classifier.export import export_classifier
from train.classifier.pictures import read_pictures
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings, NetworkSettings, read_classifier_config
from train.classifier.start import start_network
from train.classifier.teacher import load_network
from train.cli import app
from train.detector import RunConfig
from train.run_folders import BEST, CONFIG
from train.settings import TrainSettings

Tiny = Callable[..., ClassifierSettings]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detector") / "mine.pt"
    YOLO("yolov8n.yaml").save(path)
    return path


@pytest.mark.parametrize("name", ["yolov8n", "yolo11n", "yolo26n"])
def test_weights_of_a_real_detector_fill_the_backbone_of_that_name_and_tell_their_licence(data_folder: Path, name: str):
    weights = data_folder / "weights" / f"{name}-coco.pt"
    backbone = create_backbone(NetworkSettings(backbone=f"yolo/{name}", weights=weights))
    model: Any = YOLO(str(weights)).model
    stored = model.state_dict()
    filled = backbone.module.state_dict()
    assert torch.equal(filled["stem.0.conv.weight"], stored["model.0.conv.weight"])
    assert torch.equal(filled["blocks.3.2.cv2.conv.weight"], stored["model.9.cv2.conv.weight"])
    assert backbone.width == 256
    told = backbone.weights
    assert (told.name, told.licence, told.source) == (
        weights.name,
        "AGPL-3.0-only",
        "a checkpoint of Ultralytics' YOLO",
    )


def test_a_classifier_learns_on_a_real_detector_whose_first_stages_stay_and_the_export_needs_no_checkpoint(
    data_folder: Path, coloured: TaggedSet, tiny: Tiny, tmp_path: Path
):
    weights = tmp_path / "yolov8n-coco.pt"
    weights.write_bytes((data_folder / "weights" / weights.name).read_bytes())
    network = {"backbone": "yolo/yolov8n", "weights": str(weights), "freeze_stages": 2}
    schedule = {"epochs": 4, "learning_rate": 0.003, "average_decay": 0}
    settings = tiny(network=network, schedule=schedule, input_px=64)
    start = create_backbone(settings.network).module.state_dict()
    train_classifier(settings, coloured, tmp_path / "run")
    weights.unlink()
    end = load_state(tmp_path / "run" / BEST)["network"]
    changed = {name for name, value in start.items() if not torch.equal(value, end[f"backbone.{name}"])}
    assert {name.split(".")[1] for name in changed if name.startswith("blocks.")} == {"2", "3"}
    assert not any(name.startswith("stem.") for name in changed)

    record = export_classifier(tmp_path / "run", coloured, tmp_path / "export")
    assert record.licence == record.weights.licence == "AGPL-3.0-only"
    assert record.weights.name == "yolov8n-coco.pt"
    assert "--backbone yolo/yolov8n --freeze-stages 2 --weights yolov8n-coco.pt" in record.recipe
    picture = next(one for one in coloured.part("val") if "green" in one.path.name)
    image = read_pictures([picture], record.taxonomy, 64)[0].images
    with torch.inference_mode():
        said = int(load_network(tmp_path / "run")(image.float() / 255).argmax())
    content = ModelContent.read(tmp_path / "export" / CLASSIFIER.exported)
    told: list[np.ndarray] = []
    for backend in ("openvino", "onnxruntime"):
        (found,) = load_engine(backend, EngineRequest(content, "fp32", 64, 64, 1)).infer(
            np.ascontiguousarray(image.permute(0, 2, 3, 1).numpy()[..., ::-1])
        )
        told.append(found)
        assert int(found[0].argmax()) == said
    assert np.abs(told[0] - told[1]).max() < 2e-3


def test_without_weights_they_are_random_and_stages_can_be_cut_off():
    whole = create_backbone(NetworkSettings(backbone="yolo/yolov8n"))
    cut = create_backbone(NetworkSettings(backbone="yolo/yolov8n", stages=3))
    assert (whole.width, cut.width) == (256, 128)
    assert (whole.weights.licence, whole.weights.source) == ("AGPL-3.0-only", "random weights")
    with pytest.raises(EdgekitError, match="has 4 stages, not 5"):
        create_backbone(NetworkSettings(backbone="yolo/yolov8n", stages=5))


def test_the_past_of_a_detector_trained_here_is_the_classifiers_past(
    detector: Path, coloured: TaggedSet, tmp_path: Path
):
    weights = tmp_path / "run" / "weights" / "best.pt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(detector.read_bytes())
    learnt = DataEntry(name="boxes", licence="CC-BY-4.0", source="somewhere", digest="0" * 64, pictures=7)
    settings = TrainSettings(weights=Path("yolov8n.pt"), epochs=3)
    config = RunConfig(settings=settings, sets=(), skipped=(), learnt_from=(learnt,))
    (tmp_path / "run" / CONFIG).write_text(config.model_dump_json())
    start = start_network(NetworkSettings(backbone="yolo/yolov8n", weights=weights), coloured.description.taxonomy)
    assert start.past is not None
    assert start.past.learnt_from == (learnt,)
    assert start.past.command.startswith("edgekit train detector OUT")
    assert start.weights == start.past.weights
    assert (start.weights.name, start.weights.licence) == ("yolov8n.pt", "AGPL-3.0-only")


def test_a_detector_of_unknown_origin_is_told_as_that(detector: Path):
    backbone = create_backbone(NetworkSettings(backbone="yolo/yolov8n", weights=detector))
    assert backbone.weights.licence == "AGPL-3.0-only AND LicenseRef-unknown"


def test_what_is_no_such_backbone_is_refused_in_one_line(detector: Path, coloured: TaggedSet, tmp_path: Path):
    (tmp_path / "text.pt").write_text("no weights")
    cases = [
        ("yolo/yolov5n", detector, "name one like yolo/yolov8n"),
        ("yolo/yolov8s", detector, "has not the backbone of a yolov8s"),
        ("yolo/yolo11n", detector, "has not the backbone of a yolo11n"),
        ("yolo/yolov8n", tmp_path / "absent.pt", "there is no checkpoint at"),
        ("yolo/yolov8n", tmp_path / "text.pt", "no checkpoint of ultralytics that can be loaded safely"),
    ]
    for backbone, weights, message in cases:
        words = ["--set", str(coloured.folder), "--backbone", backbone, "--weights", str(weights)]
        failed = CliRunner().invoke(app, ["classifier", str(tmp_path / "run"), *words])
        assert isinstance(failed.exception, EdgekitError), failed.output
        assert message in str(failed.exception)
        assert "\n" not in str(failed.exception)
        assert not (tmp_path / "run").exists()


def test_what_a_run_began_with_is_kept_in_its_record(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    train_classifier(tiny(schedule={"epochs": 1}), coloured, tmp_path / "run")
    weights = read_classifier_config(tmp_path / "run").weights
    assert weights is not None
    assert (weights.name, weights.source) == ("test_efficientnet", "random weights")

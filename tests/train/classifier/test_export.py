"""An exported classifier computes on both engines what it does in training, and its bundle tells where it came from."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from compress.calibration import draw_tagged
from compress.exported_model import ExportedModel
from compress.quantize import quantize
from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from edge.model.assemble_classifier import assemble_classifier
from edge.model.bundle import open_classifier_bundle
from edge.model.classifier import load_classifier
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import CLASSIFIER, read_classifier_export
from edge.model.model_files import BundleParts
from edge.model.picture import read_picture
from edge.model.signature import create_key, load_private
from train.classifier.calibration import temperature_of, thresholds_of
from train.classifier.ensemble import Ensemble
from train.classifier.export import export_classifier
from train.classifier.familiarity import fit_familiarity
from train.classifier.pictures import read_pictures
from train.classifier.run import train_classifier
from train.classifier.scored import ScoredNetwork
from train.classifier.scores import seen_by
from train.classifier.settings import ClassifierSettings
from train.classifier.teacher import load_network
from train.cli import app

Tiny = Callable[..., ClassifierSettings]


@pytest.fixture
def run(coloured: TaggedSet, tiny: Tiny, tmp_path: Path) -> Path:
    train_classifier(tiny(schedule={"epochs": 12}, augment={"degrees": 0.0}), coloured, tmp_path / "run")
    return tmp_path / "run"


def test_both_engines_give_the_scores_of_the_trained_network(run: Path, coloured: TaggedSet, tmp_path: Path):
    record = export_classifier(run, coloured, tmp_path / "export", embedding=True)
    network = load_network(run)
    learnt, held = (read_pictures(coloured.part(part), record.taxonomy, 32)[0] for part in ("train", "val"))
    ensemble = Ensemble([network], [32], mirrored=False)
    (_, known), (_, kept) = seen_by(ensemble, learnt.images), seen_by(ensemble, held.images)
    familiarity = fit_familiarity(known, learnt.targets, kept)
    assert record.familiar_from == pytest.approx(familiarity.bound, abs=1e-5)
    scored = ScoredNetwork(
        ensemble, record.taxonomy, record.temperature, embedding=True, familiarity=familiarity
    ).eval()
    for picture in coloured.part("val")[::4]:
        tensors, _ = read_pictures([picture], record.taxonomy, 32)
        with torch.inference_mode():
            expected = scored(tensors.images.float() / 255).numpy()
        bgr = np.ascontiguousarray(tensors.images.permute(0, 2, 3, 1).numpy()[..., ::-1])
        for backend in ("openvino", "onnxruntime"):
            content = ModelContent.read(tmp_path / "export" / CLASSIFIER.exported)
            engine = load_engine(backend, EngineRequest(content, "fp32", 32, 32, 1))
            (found,) = engine.infer(bgr)
            assert engine.output_shapes[0] == found.shape == (1, 3 + record.embedding)
            assert np.abs(found - expected).max() < 1e-3
            assert np.linalg.norm(found[0, 3:]) == pytest.approx(1, abs=1e-3)


def test_from_run_to_bundle_nothing_is_typed_again_and_int8_agrees(run: Path, coloured: TaggedSet, tmp_path: Path):
    export_classifier(run, coloured, tmp_path / "export", embedding=True)
    exported = ExportedModel.open(tmp_path / "export" / CLASSIFIER.exported)
    quantize(exported, tmp_path / "int8", draw_tagged([coloured], 12, seed=0))
    create_key(tmp_path / "key", tmp_path / "key.pub")
    picture = next(one for one in coloured.part("val") if "green" in one.path.name)
    parts = BundleParts("colours", "1", 1, tmp_path / "export", tmp_path / "int8", True, picture.path)
    assemble_classifier(parts, tmp_path / "bundle", load_private(tmp_path / "key"))
    bundle = open_classifier_bundle(tmp_path / "bundle", [tmp_path / "key.pub"])
    assert bundle.manifest.recipe.startswith("edgekit train classifier OUT --set coloured --backbone test_efficientnet")
    assert [entry.pictures for entry in bundle.manifest.data] == [24]
    assert bundle.manifest.calibration is not None
    small = assemble_classifier(
        replace(parts, with_fp32=False, only="onnx"), tmp_path / "small", load_private(tmp_path / "key")
    )
    assert [(model.format, model.precision) for model in small.manifest.models] == [("onnx", "int8")]
    choices: tuple[tuple[Any, Any], ...] = (("openvino", "int8"), ("onnxruntime", "int8"), ("openvino", "fp32"))
    for backend, precision in choices:
        classifier = load_classifier(bundle, backend=backend, precision=precision)
        said = [classifier.classify(read_picture(one.path)) for one in coloured.part("val")]
        values = [next(tag.value for tag in one.tags if tag.attribute == "colour") for one in said]
        right = [one.path.name.split("-")[1] for one in coloured.part("val")]
        assert sum(found == wanted for found, wanted in zip(values, right, strict=True)) >= 8


def test_calibrated_scores_are_likelier_and_nearly_all_right_answers_are_given(
    run: Path, coloured: TaggedSet, tmp_path: Path
):
    taxonomy = coloured.description.taxonomy
    pictures, _ = read_pictures(coloured.part("val"), taxonomy, 32)
    sure_and_wrong = torch.tensor([[9.0, 0, 0]] * 9)
    assert temperature_of([sure_and_wrong], pictures, taxonomy) > 5
    right = pictures.targets * 3
    assert temperature_of([right], pictures, taxonomy) < 0.5
    thresholds = thresholds_of([(right.softmax(dim=1), taxonomy.learnt[0])], pictures, taxonomy)
    assert thresholds["colour"] == pytest.approx(float(right[0].softmax(dim=0).max()))
    assert read_classifier_export_of(run, coloured, tmp_path).thresholds.keys() == {"colour", "warmth"}


def read_classifier_export_of(run: Path, coloured: TaggedSet, tmp_path: Path) -> Any:
    export_classifier(run, coloured, tmp_path / "export")
    return read_classifier_export(tmp_path / "export")


def test_the_commands_train_and_export_and_say_what_is_missing(coloured: TaggedSet, tmp_path: Path):
    runner = CliRunner()
    common = ["--backbone", "test_efficientnet", "--input-px", "32", "--epochs", "1", "--batch", "8", "--json"]
    done = runner.invoke(app, ["classifier", str(tmp_path / "run"), "--set", str(coloured.folder), *common])
    assert done.exit_code == 0, done.output
    assert '"checkpoint"' in done.stdout
    exported = ["export", str(tmp_path / "run"), str(tmp_path / "export")]
    failed = runner.invoke(app, exported)
    assert isinstance(failed.exception, EdgekitError)
    assert "name its set by --set" in str(failed.exception)
    done = runner.invoke(app, [*exported, "--set", str(coloured.folder)])
    assert done.exit_code == 0, done.output
    assert "unknown below: colour" in done.stdout

"""Several classifiers exported as one: each looks at its own side, scores are averaged, origins told."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

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
from edge.model.classifier import load_classifier
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import CLASSIFIER, ClassifierExportRecord
from edge.model.model_files import BundleParts
from edge.model.picture import read_picture
from edge.model.signature import create_key, load_private
from edge.model.taxonomy import Attribute
from train.checkpoints import checkpoint_sha256
from train.classifier.calibration import temperature_of
from train.classifier.ensemble import Downscale
from train.classifier.export import export_classifier
from train.classifier.familiarity import directions_of
from train.classifier.network import pooled_logits, scores_of
from train.classifier.pictures import read_pictures
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings
from train.classifier.teacher import load_network
from train.cli import app
from train.run_folders import BEST

Tiny = Callable[..., ClassifierSettings]


class Runs(NamedTuple):
    small: Path
    large: Path
    mirrorless: Path


@pytest.fixture(scope="module")
def runs(coloured_of_all: TaggedSet, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("runs")
    found = Runs(folder / "small", folder / "large", folder / "mirrorless")
    train_classifier(tiny(schedule={"epochs": 8}), coloured_of_all, found.small)
    train_classifier(tiny(schedule={"epochs": 8}, seed=1, input_px=64), coloured_of_all, found.large)
    train_classifier(tiny(schedule={"epochs": 1}, seed=2, augment={"flip": False}), coloured_of_all, found.mirrorless)
    return found


def test_an_ensemble_says_on_both_engines_the_mean_of_what_its_members_say_each_at_its_own_side(
    runs: Runs, coloured_of_all: TaggedSet, tmp_path: Path
):
    record = export_classifier(
        runs.small, coloured_of_all, tmp_path / "export", others=[runs.large], mirrored=True, embedding=True
    )
    assert (record.input.height, record.input.width, record.mirrored) == (64, 64, True)
    assert record.members == tuple(checkpoint_sha256(run / BEST) for run in (runs.small, runs.large))
    small, large = load_network(runs.small), load_network(runs.large)
    taxonomy = coloured_of_all.description.taxonomy
    content = ModelContent.read(tmp_path / "export" / CLASSIFIER.exported)
    engines = [load_engine(name, EngineRequest(content, "fp32", 64, 64, 1)) for name in ("openvino", "onnxruntime")]
    for picture in coloured_of_all.part("val")[::3]:
        image = read_pictures([picture], taxonomy, 64)[0].images
        scaled = torch.nn.functional.interpolate(image.float() / 255, (32, 32), mode="bilinear", antialias=True)
        with torch.inference_mode():
            looks = [small.features(scaled), small.features(scaled.flip(3))]
            looks += [large.features(image.float() / 255), large.features(image.flip(3).float() / 255)]
            logits = [network.head(one) for network, one in zip((small, small, large, large), looks, strict=True)]
            expected = torch.stack([(one / record.temperature).softmax(dim=1) for one in logits]).mean(dim=0)
            each = [directions_of(directions_of(a) + directions_of(b)) for a, b in (looks[:2], looks[2:])]
            direction = directions_of(torch.cat(each, dim=1))
        for engine in engines:
            (found,) = engine.infer(np.ascontiguousarray(image.permute(0, 2, 3, 1).numpy()[..., ::-1]))
            assert found.shape == (1, 3 + record.embedding)
            scores = found[0, :3] / found[0, :3].sum()  # familiarity takes the same share from all of them
            assert np.abs(scores - expected[0].numpy()).max() < 2e-3
            assert np.abs(found[0, 3:] - direction[0].numpy()).max() < 2e-3


def test_pictures_are_scaled_in_the_graph_as_torch_scales_them_in_training():
    pictures = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(pictures, (64, 64), mode="bilinear", antialias=True)
    assert torch.allclose(Downscale(96, 64)(pictures), expected, atol=1e-6)


@pytest.mark.parametrize("multiple", [False, True])
def test_pooled_logits_give_the_mean_of_the_scores(*, multiple: bool):
    attribute = Attribute(name="label", values=("a", "b", "c"), multiple=multiple)
    looks = list(torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(1)) * 8)
    mean = torch.stack([scores_of(one, attribute) for one in looks]).mean(dim=0)
    assert torch.allclose(scores_of(pooled_logits(looks, attribute), attribute), mean, atol=1e-5)


def test_networks_that_err_on_different_pictures_may_be_surer_together_than_each_alone(coloured_of_all: TaggedSet):
    taxonomy = coloured_of_all.description.taxonomy
    pictures, _ = read_pictures(coloured_of_all.part("val"), taxonomy, 32)
    first, second = pictures.targets * 3, pictures.targets * 3
    first[0], second[8] = first[0].roll(1), second[8].roll(1)
    assert temperature_of([first, second], pictures, taxonomy) < temperature_of([first], pictures, taxonomy)


def test_from_an_ensemble_to_a_bundle_in_int8_and_the_manifest_tells_of_every_member(
    runs: Runs, coloured_of_all: TaggedSet, tmp_path: Path
):
    export_classifier(runs.large, coloured_of_all, tmp_path / "export", others=[runs.small], mirrored=True)
    exported = ExportedModel.open(tmp_path / "export" / CLASSIFIER.exported)
    quantize(exported, tmp_path / "int8", draw_tagged([coloured_of_all], 6, seed=0))
    create_key(tmp_path / "key", tmp_path / "key.pub")
    val = coloured_of_all.part("val")
    picture = next(one for one in val if "green" in one.path.name)
    parts = BundleParts("colours", "1", 1, tmp_path / "export", tmp_path / "int8", True, picture.path)
    bundle = assemble_classifier(parts, tmp_path / "bundle", load_private(tmp_path / "key"))
    recipe = bundle.manifest.recipe.split("; ")
    assert [part.split(" --set")[0] for part in recipe] == [
        "large: edgekit train classifier OUT",
        "small: edgekit train classifier OUT",
        "edgekit train export large OUT",
    ]
    assert recipe[2].endswith("--set coloured --with small --mirror")
    choices: tuple[tuple[Any, Any], ...] = (("openvino", "fp32"), ("openvino", "int8"), ("onnxruntime", "int8"))
    for backend, precision in choices:
        classifier = load_classifier(bundle, backend=backend, precision=precision)
        said = [classifier.classify(read_picture(one.path)).value("colour") for one in val]
        assert sum(f"-{value}-" in one.path.name for value, one in zip(said, val, strict=True)) >= 7


def test_what_members_began_from_is_told_of_all_once(runs: Runs, coloured_of_all: TaggedSet, tmp_path: Path):
    record = export_classifier(runs.small, coloured_of_all, tmp_path / "export", others=[runs.large])
    assert record.weights.name == "test_efficientnet"
    assert record.licence == record.weights.licence == "CC0-1.0"
    assert [(entry.name, entry.pictures) for entry in record.data] == [("coloured", 24)]


def test_runs_that_do_not_go_together_are_refused_in_one_line(
    runs: Runs, coloured_of_all: TaggedSet, tiny: Tiny, tmp_path: Path
):
    def refused(message: str, others: list[Path], *, run: Path = runs.small, mirrored: bool = False) -> None:
        with pytest.raises(EdgekitError, match=message) as caught:
            export_classifier(run, coloured_of_all, tmp_path / "export", others=others, mirrored=mirrored)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "export").exists()

    refused("are the same network", [runs.small])
    refused("was trained with --no-flip", [runs.mirrorless], mirrored=True)
    refused("was trained with --no-flip", [], run=runs.mirrorless, mirrored=True)
    refused("classifier's training", [tmp_path])
    train_classifier(tiny(schedule={"epochs": 1}, folds=3, fold=1), coloured_of_all, tmp_path / "folded")
    refused("folded kept out fold 1 of 3, .*small the val part", [tmp_path / "folded"])
    with pytest.raises(EdgekitError, match="learnt from another set"):
        export_classifier(runs.small, _renamed(coloured_of_all), tmp_path / "export", others=[runs.large])


def _renamed(tagged_set: TaggedSet) -> TaggedSet:
    return replace(tagged_set, description=tagged_set.description.model_copy(update={"name": "other"}))


def test_the_command_exports_several_as_one_and_refuses_that_of_a_detector(
    runs: Runs, coloured_of_all: TaggedSet, tmp_path: Path
):
    words = ["--set", str(coloured_of_all.folder), "--with", str(runs.large), "--mirror"]
    done = CliRunner().invoke(app, ["export", str(runs.small), str(tmp_path / "export"), *words])
    assert done.exit_code == 0, done.output
    assert "64x64; 2 networks, mirror images too, temperature" in done.stdout
    record = ClassifierExportRecord.model_validate_json((tmp_path / "export" / CLASSIFIER.record).read_text())
    assert len(record.members) == 2
    (tmp_path / "detector").mkdir()
    (tmp_path / "detector" / "config.json").write_text('{"kind": "detector"}')
    failed = CliRunner().invoke(app, ["export", str(tmp_path / "detector"), str(tmp_path / "no"), *words])
    assert isinstance(failed.exception, EdgekitError)
    assert "--with and --mirror are for classifiers" in str(failed.exception)

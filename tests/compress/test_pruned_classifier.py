"""A classifier is pruned by the command that prunes detectors, keeps its shape wherever it goes, or is refused."""

import copy
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from compress.aim import judge_tags
from compress.budget import AccuracyBudget
from compress.cli import app as compress_app
from compress.model_size import exported_size
from compress.prunable_classifier import PrunableClassifier, network_size
from compress.prune import channels_of
from compress.pruning_record import PruningRecord, read_pruning
from compress.quantize import INT8_REPORT, Int8Report
from devices.errors import EdgekitError
from edge.evaluate.classifier_report import evaluate_classifier
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.tagged_set import TaggedSet
from edge.model.assemble_classifier import assemble_classifier
from edge.model.bundle import open_classifier_bundle
from edge.model.classifier import Classification, ClassTag
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import CLASSIFIER, read_classifier_export, read_quantization
from edge.model.model_files import BundleParts
from edge.model.signature import create_key, load_private
from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.backbones import Backbone, create_backbone
from train.classifier.channels import layer_channels
from train.classifier.network import TagNetwork
from train.classifier.settings import NetworkSettings, read_classifier_config
from train.classifier.teacher import load_network
from train.cli import app as train_app
from train.runs import open_run

PX = 32
TAXONOMY = Taxonomy(attributes=(Attribute(name="colour", values=("blue", "green", "red")),))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Generator[None]:
    """Compute in one thread: for networks as tiny as these, threads cost more than they bring."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def command(app: Any, *words: object) -> str:
    """Run a command and return its output; raise what it raises."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception is not None:
        raise done.exception
    return done.output


def prune(*words: object, epochs: int = 1) -> str:
    return command(compress_app, "prune", *words, "--epochs", epochs, "--batch", 8)


@dataclass(frozen=True)
class Finished:
    """A training, and the run that was pruned from it."""

    first: Path
    out: Path
    coloured: TaggedSet
    told: str

    @property
    def record(self) -> PruningRecord:
        return read_pruning(self.out)


@pytest.fixture(scope="module")
def finished(make_coloured: Callable[[Path], TaggedSet], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    coloured, first, out = make_coloured(folder), folder / "first", folder / "pruned"
    size = ("--stages", 3, "--input-px", PX, "--freeze-stages", 1)
    plain = ("--learning-rate", 0.01, "--average-decay", 0, "--mix", 0, "--hue", 0, "--label-smoothing", 0)
    command(train_app, "classifier", first, "--set", coloured.folder, *size, *plain, "--epochs", 8, "--batch", 8)
    return Finished(first, out, coloured, prune(first, out, "--set", coloured.folder, "--target-macs", 0.8, epochs=8))


def test_a_run_is_pruned_taught_by_itself_and_proven(finished: Finished):
    record, config = finished.record, read_classifier_config(finished.out)
    assert 0.4 * record.before.macs < record.after.macs <= 0.8 * record.before.macs
    assert record.before == network_size(load_network(finished.first), PX)
    assert record.proof is not None
    assert record.proof.checkpoint == record.after == network_size(load_network(finished.out), PX)
    assert record.proof.exported == record.exported_after
    assert min(record.proof.latency.pruned_ms, record.proof.latency.unpruned_ms) > 0
    assert f"{record.after.parameters:,} of {record.before.parameters:,} parameters" in finished.told
    assert "times as fast" in finished.told
    assert config.teachers == (record.unpruned_sha256,) == (record.teacher_sha256,)
    assert config.settings.network.freeze_stages == 0
    losses = open_run(finished.out).epochs[0].losses
    assert {"colour", "shade", "teacher/colour", "teacher/shade"} <= losses.keys()
    assert (finished.out / "report.html").exists()


def test_its_export_agrees_with_torch_on_both_engines_and_its_bundle_tells_all_of_its_past(
    finished: Finished, tmp_path: Path
):
    out, coloured = finished.out, finished.coloured
    command(train_app, "export", out, tmp_path / "export", "--set", coloured.folder, "--embedding")
    file, exported = tmp_path / "export" / CLASSIFIER.exported, read_classifier_export(tmp_path / "export")
    network = load_network(out)
    head = network.head.weight.numel() + network.head.out_features
    assert exported_size(file) == finished.record.exported_after
    assert exported_size(file).parameters == finished.record.after.parameters - head
    assert exported.embedding == network.head.in_features
    rgb = torch.rand(1, 3, PX, PX, generator=torch.Generator().manual_seed(0)).mul(255).byte()
    with torch.no_grad():
        features = network.features(rgb.float() / 255)
    expected = (features / features.norm()).numpy()
    bgr = np.ascontiguousarray(rgb.permute(0, 2, 3, 1).numpy()[..., ::-1])
    for backend in ("openvino", "onnxruntime"):
        engine = load_engine(backend, EngineRequest(ModelContent.read(file), "fp32", PX, PX, 1))
        (found,) = engine.infer(bgr)
        assert np.abs(found[:, -exported.embedding :] - expected).max() < 1e-3

    create_key(tmp_path / "key", tmp_path / "key.pub")
    picture = coloured.part("val")[0].path
    parts = BundleParts("colours", "1", 1, tmp_path / "export", None, True, picture)
    assemble_classifier(parts, tmp_path / "bundle", load_private(tmp_path / "key"))
    bundle = open_classifier_bundle(tmp_path / "bundle", [tmp_path / "key.pub"])
    before, after = bundle.manifest.recipe.split(" && ")
    assert before.startswith("edgekit train classifier OUT --set coloured --stages 3")
    assert after.startswith("edgekit compress prune RUN OUT --set coloured --target-macs 0.8 --engine openvino")
    assert bundle.manifest.weights.name == "efficientnet-lite0-57934424.pth"
    assert [entry.name for entry in bundle.manifest.data] == ["coloured"]
    for scored in evaluate_classifier(bundle, coloured, draws=10).models:
        accuracy = {score.attribute: score.accuracy for score in scored.attributes}
        assert accuracy["colour"] > 0.5


def test_int8_of_it_is_held_to_a_budget_of_accuracy_and_each_layer_tells_its_share(finished: Finished, tmp_path: Path):
    good = finished.coloured.folder
    command(train_app, "export", finished.out, tmp_path / "export", "--set", good, "--embedding")
    file = tmp_path / "export" / CLASSIFIER.exported
    words = ("quantize", file, tmp_path / "int8", "--set", good, "--pictures", 8)
    for text in ("mAP -1", "accuracy", "sure -1", "accuracy -1, accuracy -2"):
        with pytest.raises(EdgekitError, match="a classifier's budget says what may be lost"):
            command(compress_app, *words, "--budget", text)
    said = command(compress_app, *words, "--budget", "accuracy -60, sure -100", "--sensitivity")
    report = Int8Report.model_validate_json((tmp_path / "int8" / INT8_REPORT).read_bytes())
    assert report.budget == AccuracyBudget(accuracy_points=60, sure_points=100)
    gates = [gate.name for gate in report.attempts["openvino"][-1].verdict.gates]
    assert gates == ["accuracy of colour", "accuracy of shade", "sure of colour", "sure of shade"]
    assert "openvino: accuracy of colour " in said
    tail = [name for name in read_quantization(tmp_path / "int8").float_nodes["onnx"] if name.endswith("/Conv")]
    assert len(report.sensitivities) + len(tail) == len(channels_of(load_network(finished.out)))
    moved = [one.moved for one in report.sensitivities]
    assert moved == sorted(moved, reverse=True)
    assert moved[0] > 0
    for name in (CLASSIFIER.int8_openvino, CLASSIFIER.int8_onnx):
        assert (tmp_path / "int8" / name).exists()


def test_what_a_classifier_lost_is_told_by_attribute_and_breaks_a_budget():
    def said(colour: str, *, sure: bool) -> Classification:
        return Classification(
            (ClassTag("colour", colour, 0.9, sure),), np.zeros(3, np.float32), np.zeros(0, np.float32)
        )

    truth = [((0,),), ((1,),)] * 10
    before = [said("blue", sure=True), said("green", sure=True)] * 10
    after = [said("blue", sure=True), said("red", sure=False)] * 10
    same = judge_tags(TAXONOMY, truth, before, before, AccuracyBudget(accuracy_points=0, sure_points=0))
    assert same.kept
    lost = judge_tags(TAXONOMY, truth, before, after, AccuracyBudget(accuracy_points=49, sure_points=50))
    assert [(gate.name, gate.change, gate.kept) for gate in lost.gates] == [
        ("accuracy of colour", -50.0, False),
        ("sure of colour", -50.0, True),
    ]
    low, high = lost.gates[0].low, lost.gates[0].high
    assert low is not None
    assert high is not None
    assert low < -50 < high < 0


def test_a_pruned_run_is_resumed_gone_on_with_and_learnt_from_in_its_shape(finished: Finished, tmp_path: Path):
    shape = layer_channels(load_network(finished.out).backbone)
    assert shape == read_classifier_config(finished.out).channels
    size = ("--set", finished.coloured.folder, "--stages", 3, "--input-px", PX, "--batch", 8)
    taught = ("--weights", finished.out, "--teacher", finished.out)
    command(train_app, "classifier", tmp_path / "on", *size, *taught, "--epochs", 1)
    on = read_classifier_config(tmp_path / "on")
    assert on.channels == shape == layer_channels(load_network(tmp_path / "on").backbone)
    assert on.past is not None
    assert on.past.command.count("edgekit compress prune") == 1
    again = ("--weights", finished.out, "--teacher", finished.out, "--epochs", 1, "--resume")
    assert "best checkpoint" in command(train_app, "classifier", tmp_path / "on", *size, *again)
    with pytest.raises(EdgekitError, match="tf_efficientnet_lite0 has other layers than the backbone that was pruned"):
        command(train_app, "classifier", tmp_path / "other", *size, "--stages", 4, "--weights", finished.out)


def test_a_pruned_run_is_pruned_again_by_two_teachers_and_goes_on_where_it_was_broken_off(
    finished: Finished, tmp_path: Path
):
    out, once = tmp_path / "twice", finished.record
    words = (finished.out, out, "--set", finished.coloured.folder, "--ratio", 0.3)
    words = (*words, "--teacher", finished.first, "--teacher", finished.out)
    prune(*words)
    twice = read_pruning(out)
    assert twice.before == once.after
    assert twice.after.parameters < once.after.parameters
    assert twice.teacher_sha256 == once.unpruned_sha256
    assert len(twice.more_teachers_sha256) == 1
    with pytest.raises(EdgekitError, match="is done: there is nothing to resume"):
        prune(*words, "--resume")
    # Broken off before its only epoch had ended, and once more before it was measured.
    unproven = twice.model_copy(update={"proof": None}).model_dump_json(by_alias=True)
    (out / "pruning.json").write_text(unproven)
    for name in ("weights/last.pt", "weights/best.pt", "report.html"):
        (out / name).unlink()
    prune(*words, "--resume")
    (out / "pruning.json").write_text(unproven)
    trained = (out / "weights" / "best.pt").read_bytes()
    prune(*words, "--resume")
    assert read_pruning(out).proof is not None
    assert (out / "weights" / "best.pt").read_bytes() == trained
    (out / "pruning.json").write_text(unproven)
    with pytest.raises(EdgekitError, match="resume it with the same options"):
        prune(*words[:-6], "--ratio", 0.4, "--resume")


def test_what_cannot_be_pruned_so_is_refused_in_a_line_and_leaves_nothing(
    finished: Finished, squares: DetectionSet, make_coloured: Callable[[Path], TaggedSet], tmp_path: Path
):
    first, out, good = finished.first, tmp_path / "out", finished.coloured.folder
    other = make_coloured(tmp_path / "more")
    described = json.loads((other.folder / "tags.json").read_text())
    described["taxonomy"]["attributes"][0]["values"][0] = "teal"
    (other.folder / "tags.json").write_text(json.dumps(described))
    table = other.folder / "tags.csv"
    table.write_text(table.read_text().replace(",blue,", ",teal,"))
    torn = tmp_path / "torn"
    (torn / "weights").mkdir(parents=True)
    (torn / "config.json").write_bytes((first / "config.json").read_bytes())
    torch.save({"network": nn.Linear(2, 2).state_dict()}, torn / "weights" / "best.pt")
    faults: list[tuple[tuple[object, ...], str]] = [
        ((first, out, "--set", squares.folder, "--ratio", 0.3), "is no tagged set: name one like coloured"),
        ((first, out, "--set", good, "--set", good, "--ratio", 0.3), "recovers on one tagged set"),
        ((first, out, "--set", good, "--ratio", 0.9), "a target of 0.9 is not possible"),
        ((first, out, "--set", good, "--ratio", 0.3, "--distillation", 2), "less than or equal to 1"),
        ((first, out, "--set", good, "--ratio", 0.3, "--height", 64), "are for detectors"),
        ((first, out, "--set", good, "--ratio", 0.3, "--most-pictures", 4), "is for detectors"),
        ((first, out, "--set", other.folder, "--ratio", 0.3), "has other attributes or values than"),
        ((first, out, "--set", good, "--target-macs", 0.01), "cannot be reached"),
        ((first, out, "--set", good, "--ratio", 0.3, "--teacher", tmp_path), "cannot be read as the record"),
        ((first / "weights" / "best.pt", out, "--set", good, "--ratio", 0.3), "name the folder of its training"),
        ((torn, out, "--set", good, "--ratio", 0.3), "is not of the network"),
    ]
    for words, told in faults:
        with pytest.raises(EdgekitError, match=told):
            prune(*words)
        assert not out.exists()


@pytest.mark.parametrize(
    ("backbone", "stages"),
    [("tf_efficientnet_lite2", 3), ("torchvision/mobilenet_v2", None), ("torchvision/resnet50", None)],
)
def test_a_fresh_backbone_cut_to_the_channels_computes_what_the_pruned_one_does(backbone: str, stages: int | None):
    settings = NetworkSettings(backbone=backbone, stages=stages)
    network = TagNetwork(create_backbone(settings, started=False), TAXONOMY, 0.0).eval()
    pruned = PrunableClassifier.of(network, backbone, 64).pruned(0.5)
    assert network_size(pruned, 64).parameters < 0.6 * network_size(network, 64).parameters
    if stages is None:  # the last channels are the features
        assert pruned.head.in_features < network.head.in_features
    assert all(count % 16 == 0 or count == channels_of(network)[name] for name, count in channels_of(pruned).items())
    fresh = create_backbone(settings, started=False, channels=layer_channels(pruned.backbone))
    again = TagNetwork(fresh, TAXONOMY, 0.0).eval()
    again.load_state_dict(pruned.state_dict())
    pictures = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(again(pictures), pruned(pictures))


def test_channels_that_say_nothing_go_first_and_all_else_is_said_as_before():
    backbone = create_backbone(NetworkSettings(backbone="tf_efficientnet_lite0", stages=2))
    network = TagNetwork(backbone, TAXONOMY, 0.0).eval()
    dead = 0
    with torch.no_grad():
        for name, part in network.backbone.named_modules():
            if isinstance(part, nn.BatchNorm2d) and name.startswith("blocks.1") and not name.endswith("bn3"):
                part.weight[:48] = part.bias[:48] = 0
            if isinstance(part, nn.Conv2d) and name.endswith(("1.0.conv_pw", "1.1.conv_pw")):
                part.weight[:48] = 0
                dead += 48
        for name, part in network.backbone.named_modules():
            if isinstance(part, nn.Conv2d) and name.startswith("blocks.1"):
                part.weight[:48] *= not name.endswith("conv_dw")
                part.weight[:, :48] *= not name.endswith("conv_pwl")
    pruned = PrunableClassifier.of(network, "tf_efficientnet_lite0", 64).pruned(0.1)
    lost = {name: count - channels_of(pruned)[name] for name, count in channels_of(network).items()}
    assert dead == 96
    assert {name for name, count in lost.items() if count} == {
        f"backbone.blocks.1.{block}.conv_{part}" for block in (0, 1) for part in ("pw", "dw")
    }
    assert set(lost.values()) == {0, 48}
    pictures = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(pruned(pictures), network(pictures))


class _Backwards(nn.Module):
    """Two convolutions, between which channels change places in a way that no tracer is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 64, 3), nn.Conv2d(64, 64, 3)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(pictures).relu().flip(1)).mean(dim=(2, 3))


def test_an_architecture_whose_channels_cannot_be_followed_is_refused_by_name():
    def classifier(module: nn.Module, width: int) -> TagNetwork:
        told = create_backbone(NetworkSettings(backbone="test_efficientnet"), started=False)
        backbone: Backbone = replace(told, module=module, width=width)
        return TagNetwork(backbone, TAXONOMY, 0.0).eval()

    straight = nn.Sequential(*copy.deepcopy(list(_Backwards().children())), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert channels_of(PrunableClassifier.of(classifier(straight, 64), "straight", 64).pruned(0.5))
    with pytest.raises(EdgekitError, match="backwards cannot be pruned: without channels it is not what it is with"):
        PrunableClassifier.of(classifier(_Backwards(), 64), "backwards", 64)
    for name in ("test_vit", "test_convnext", "torchvision/regnet_y_400mf"):
        backbone = create_backbone(NetworkSettings(backbone=name), started=False)
        with pytest.raises(EdgekitError, match=f"{name} cannot be pruned: its .* is a .*train one like"):
            PrunableClassifier.of(TagNetwork(backbone, TAXONOMY, 0.0).eval(), name, 64)

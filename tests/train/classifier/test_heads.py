"""Ways of telling several values: each fitted head does what its kind says, and is exported and read on a box."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.classifier_report import evaluate_classifier
from edge.evaluate.tagged_set import TaggedSet
from edge.model.assemble_classifier import assemble_classifier
from edge.model.classifier import Classifier, TagDecoder
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import CLASSIFIER
from edge.model.model_files import BundleParts
from edge.model.picture import read_picture
from edge.model.signature import create_key, load_private
from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.calibration import calibrate
from train.classifier.export import export_classifier
from train.classifier.head_record import HEADS, read_heads
from train.classifier.heads import (
    ChainHead,
    OneVsAllHead,
    PowersetHead,
    PowersetValuesHead,
    RelevanceHead,
    chain_order_of,
    fit,
    label_sets_of,
)
from train.classifier.report import report_run
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings
from train.classifier.several import FITTED_HEADS, fit_heads
from train.flat_sets import LABELS, flatten_set
from train.tagged_sets import write_tagged_set

Tiny = Callable[..., ClassifierSettings]
METHODS: Any = ("one-vs-all", "binary-relevance", "chain", "powerset", "powerset-values")
# Two features; the second value holds where both are large or both small, which no line can tell.
CORNERS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).repeat(8, 1)
AND_AND_SAME = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]).repeat(8, 1)


@pytest.fixture(scope="module")
def flat(coloured_of_all: TaggedSet, tmp_path_factory: pytest.TempPathFactory) -> TaggedSet:
    return flatten_set(coloured_of_all, tmp_path_factory.mktemp("flat") / "flat")


@pytest.fixture(scope="module")
def run(flat: TaggedSet, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run") / "run"
    train_classifier(tiny(schedule={"epochs": 12}, augment={"degrees": 0.0}), flat, run)
    return run


@pytest.fixture(scope="module")
def of_tree(coloured_of_all: TaggedSet, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a run on colours alone, from which warmth follows."""
    run = tmp_path_factory.mktemp("run") / "tree"
    train_classifier(tiny(schedule={"epochs": 12}, augment={"degrees": 0.0}), coloured_of_all, run)
    return run


@pytest.fixture(scope="module", params=["flat", "tree"])
def heads(
    request: pytest.FixtureRequest, run: Path, of_tree: Path, flat: TaggedSet, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    heads = tmp_path_factory.mktemp("heads") / "heads"
    fitted = fit_heads({"flat": run, "tree": of_tree}[request.param], flat, heads, 2e-4)
    assert read_heads(heads) == fitted
    assert fitted.own == (request.param == "flat")
    return heads


def said(head: Any) -> torch.Tensor:
    return (head.scores(head(CORNERS)) >= 0.5).float()


def test_a_chain_tells_what_no_value_could_tell_by_itself():
    relevance, chain = RelevanceHead(2, 2), ChainHead(2, (0, 1))
    for head in (relevance, chain):
        fit(head, CORNERS, AND_AND_SAME, 1e-5)
    assert torch.equal(said(relevance)[:, 0], AND_AND_SAME[:, 0])
    assert not torch.equal(said(relevance), AND_AND_SAME)
    assert torch.equal(said(chain), AND_AND_SAME)


def test_a_chain_goes_through_its_values_in_its_own_order():
    head = ChainHead(2, (1, 0))
    fit(head, CORNERS, AND_AND_SAME[:, [1, 0]], 1e-5)
    assert torch.equal(said(head), AND_AND_SAME[:, [1, 0]])
    assert chain_order_of(AND_AND_SAME) == (1, 0)


def test_one_vs_all_parts_by_a_margin_what_relevance_tells_by_likelihood():
    told = AND_AND_SAME[:, :1]
    margins, likelihoods = OneVsAllHead(2, 1), RelevanceHead(2, 1)
    for head in (margins, likelihoods):
        fit(head, CORNERS, told, 1e-5)
        assert torch.equal(said(head), told)
    # Past its margin nothing pulls at a machine; a likelihood grows almost without end.
    assert margins(CORNERS)[:4, 0].tolist() == pytest.approx([-3, -1, -1, 1], abs=0.05)
    assert likelihoods(CORNERS).abs().min() > 2


def test_a_powerset_says_none_but_sets_that_occurred():
    label_sets = label_sets_of(AND_AND_SAME)
    assert label_sets == ((), (0, 1), (1,))
    head = PowersetHead(2, label_sets, 2)
    fit(head, CORNERS, AND_AND_SAME, 1e-5)
    rows = head.scores(head(CORNERS * 100 - 50))
    assert rows.shape == (32, 3)
    assert torch.allclose(rows.sum(dim=1), torch.ones(32))


def test_a_powerset_read_by_value_shares_the_fit_and_is_calibrated_by_its_values():
    whole = PowersetHead(2, label_sets_of(AND_AND_SAME), 2)
    fit(whole, CORNERS, AND_AND_SAME, 1e-3)
    by_value = PowersetValuesHead.of(whole)
    logits = whole(CORNERS)
    assert torch.equal(by_value(CORNERS), logits)
    # Half of the corners of no value have a value after all: all sets know of it, but not of its two values at once.
    drawn = AND_AND_SAME.clone()
    drawn[1::8, 0] = 1
    for head in (whole, by_value):
        calibrate(head, logits, drawn)
    assert by_value.temperature > whole.temperature
    rows = by_value.scores(logits) @ by_value.members
    likelihood = torch.where(drawn == 1, rows, 1 - rows).log().sum() / len(drawn)
    assert float(by_value.loss(logits / by_value.temperature, drawn)) == pytest.approx(-float(likelihood), rel=1e-4)


def test_heads_that_were_fitted_before_powersets_were_read_by_value_are_exported_as_they_were(
    heads: Path, flat: TaggedSet, tmp_path: Path
):
    record = read_heads(heads)
    assert record is not None
    before = tmp_path / "before"
    shutil.copytree(heads, before)
    kept = record.model_copy(update={"scores": tuple(one for one in record.scores if one.method != "powerset-values")})
    (before / HEADS).write_text(kept.model_dump_json(by_alias=True), "utf-8")
    states = torch.load(before / FITTED_HEADS, weights_only=True)
    torch.save({name: one for name, one in states.items() if not name.endswith("-values")}, before / FITTED_HEADS)
    assert export_classifier(before, flat, tmp_path / "export", head="powerset").heads[LABELS].method == "powerset"
    with pytest.raises(EdgekitError, match=r"heads\.pt holds no powerset-values head of labels"):
        export_classifier(before, flat, tmp_path / "by-value", head="powerset-values")


def test_weights_that_cost_more_become_smaller():
    sizes: list[float] = []
    for weight_decay in (1e-4, 1e-1):
        head = RelevanceHead(2, 2)
        fit(head, CORNERS, AND_AND_SAME, weight_decay)
        sizes.append(float(head.linear.weight.abs().sum()))
    assert sizes[1] < sizes[0] / 2


def test_a_flat_set_says_all_that_was_said(coloured: TaggedSet, flat: TaggedSet):
    (labels,) = flat.description.taxonomy.attributes
    assert labels.values == ("colour=blue", "colour=green", "colour=red", "warmth=cold", "warmth=warm")
    for before, after in zip(coloured.pictures, flat.pictures, strict=True):
        told = {labels.values[index] for index in after.tags[0]}
        colour = ("blue", "green", "red")[before.tags[0][0]]
        assert told == {f"colour={colour}", "warmth=warm" if colour == "red" else "warmth=cold"}


def test_a_run_of_several_values_reports_what_it_missed_and_made_up(flat: TaggedSet, tiny: Tiny, tmp_path: Path):
    train_classifier(tiny(schedule={"epochs": 1, "learning_rate": 1e-6}), flat, tmp_path / "run")
    text = report_run(tmp_path / "run", flat).read_text("utf-8")
    assert "<h2>Worst errors</h2>" in text
    assert "warmth=" in text.split("<h2>Worst errors</h2>")[1].split("<h2>Command")[0]


def test_each_way_is_exported_and_read_on_both_engines_as_it_was_scored(heads: Path, flat: TaggedSet, tmp_path: Path):
    record = read_heads(heads)
    assert record is not None
    assert [score.method for score in record.scores] == list(METHODS)
    create_key(tmp_path / "key", tmp_path / "key.pub")
    for score in record.scores:
        exported = export_classifier(heads, flat, tmp_path / score.method, head=score.method)
        assert exported.heads[LABELS].method == score.method
        picture = next(one.path for one in flat.part("val") if "red" in one.path.name)
        parts = BundleParts("labels", "1", 1, tmp_path / score.method, None, True, picture)
        out = tmp_path / f"bundle-{score.method}"
        bundle = assemble_classifier(parts, out, load_private(tmp_path / "key"))
        assert bundle.manifest.heads[LABELS].method == score.method
        for measured in evaluate_classifier(bundle, flat, draws=10).models:
            (labels,) = measured.attributes
            assert labels.micro_f1 == pytest.approx(score.micro_f1, abs=0.06)
            assert labels.mean_average_precision == pytest.approx(score.mean_average_precision, abs=0.02)
            assert measured.metrics["map/labels"] == pytest.approx(score.mean_average_precision, abs=0.02)
    best = max(record.scores, key=lambda score: score.micro_f1)
    assert best.micro_f1 >= 0.9
    assert export_classifier(heads, flat, tmp_path / "best").heads[LABELS].method == best.method


def test_heads_of_one_value_of_another_set_or_not_fitted_are_refused(
    run: Path, flat: TaggedSet, coloured: TaggedSet, tiny: Tiny, tmp_path: Path
):
    with pytest.raises(EdgekitError, match="learnt from another set"):
        fit_heads(run, coloured, tmp_path / "heads", 2e-4)
    with pytest.raises(EdgekitError, match="no heads to choose from: fit them with `edgekit train heads`"):
        export_classifier(run, flat, tmp_path / "export", head="chain")
    train_classifier(tiny(schedule={"epochs": 1}), coloured, tmp_path / "single")
    with pytest.raises(EdgekitError, match="has several values"):
        fit_heads(tmp_path / "single", coloured, tmp_path / "heads", 2e-4)
    assert not (tmp_path / "heads").exists()


def test_a_run_on_what_a_set_tells_flat_keeps_its_past_and_no_other_run_is_taken(
    of_tree: Path, coloured_of_all: TaggedSet, flat: TaggedSet, tiny: Tiny, tmp_path: Path
):
    fit_heads(of_tree, flat, tmp_path / "heads", 2e-4)
    exported = export_classifier(tmp_path / "heads", flat, tmp_path / "export")
    assert [entry.name for entry in exported.data] == ["coloured", "coloured-labels"]
    assert exported.recipe.startswith("edgekit train classifier OUT --set coloured --backbone test_efficientnet")
    assert exported.recipe.endswith("&& edgekit train heads RUN OUT --set coloured-labels --weight-decay 0.0002")
    train_classifier(tiny(schedule={"epochs": 1}, folds=2), coloured_of_all, tmp_path / "fold")
    fit_heads(tmp_path / "fold", flat, tmp_path / "fold-heads", 2e-4)
    bent = replace(flat, pictures=(replace(flat.pictures[0], tags=flat.pictures[-1].tags), *flat.pictures[1:]))
    with pytest.raises(EdgekitError, match="learnt from another set"):
        fit_heads(of_tree, bent, tmp_path / "bent", 2e-4)
    with pytest.raises(EdgekitError, match=r"has several values, .+ `edgekit data flatten`"):
        fit_heads(of_tree, coloured_of_all, tmp_path / "tree", 2e-4)


def test_scores_of_a_powerset_are_those_of_its_sets(heads: Path, flat: TaggedSet):
    record = read_heads(heads)
    assert record is not None
    head = record.chosen("powerset")[LABELS]
    row = np.eye(len(head.label_sets), dtype=np.float32)[0]
    told = head.read(row, flat.description.taxonomy.attributes[0], 0.5)
    assert told.sure
    assert np.flatnonzero(told.scores).tolist() == list(told.indices) == list(head.label_sets[0])


def test_attributes_of_one_and_of_several_values_share_a_backbone(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    colour = coloured.description.taxonomy.attributes[0]
    signs = Attribute(name="signs", values=("warm", "sky"), multiple=True)
    pictures = [
        replace(one, tags=(one.tags[0], {0: (1,), 1: (), 2: (0,)}[one.tags[0][0]])) for one in coloured.pictures
    ]
    both = write_tagged_set(
        tmp_path / "both",
        name="both",
        licence="CC0-1.0",
        source="made by a test",
        taxonomy=Taxonomy(attributes=(colour, signs)),
        pictures=pictures,
        origin=coloured.folder / "images",
    )
    train_classifier(tiny(schedule={"epochs": 12}, augment={"degrees": 0.0}), both, tmp_path / "run")
    fit_heads(tmp_path / "run", both, tmp_path / "heads", 2e-4)
    exported = export_classifier(tmp_path / "heads", both, tmp_path / "export", embedding=True, head="powerset")
    model = ModelContent.read(tmp_path / "export" / CLASSIFIER.exported)
    engine = load_engine("openvino", EngineRequest(model, "fp32", 32, 32, 1))
    decoder = TagDecoder(exported.taxonomy, exported.thresholds, exported.embedding, exported.heads)
    classifier = Classifier(engine, decoder, 32, 32)
    said = [classifier.classify(read_picture(one.path)) for one in both.part("val")]
    wanted = [
        (colour.values[one.tags[0][0]], {signs.values[index] for index in one.tags[1]}) for one in both.part("val")
    ]
    told = [(one.tags[0].value, {tag.value for tag in one.tags if tag.attribute == "signs"}) for one in said]
    assert sum(found == right for found, right in zip(told, wanted, strict=True)) >= 8

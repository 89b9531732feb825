"""Runs are listed with what came of them, and set side by side by what they differ in."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import SetDescription
from edge.evaluate.tagged_set import TaggedSetDescription
from edge.model.manifest import DataEntry
from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.record import ClassifierEpoch
from train.classifier.settings import ClassifierConfig, ClassifierSettings
from train.detector import RunConfig, TrainSettings, read_config
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.run_folders import CONFIG
from train.runs import differences, open_run, runs_below
from train.runs_cli import app

SET = SetDescription(
    name="belt",
    licence="CC0-1.0",
    source="a test",
    classes=("carton",),
    labelled=("carton",),
    pictures=9,
    digest="a" * 64,
)


def write_run(folder: Path, scores: list[float], *, epochs: int = 3, learning_rate: float = 0.001) -> Path:
    folder.mkdir(parents=True)
    settings = TrainSettings(weights=Path("yolov8n.pt"), epochs=epochs, learning_rate=learning_rate)
    config = RunConfig(settings=settings, sets=(SET,), skipped=(), learnt_from=())
    (folder / CONFIG).write_text(config.model_dump_json(by_alias=True), encoding="utf-8")
    records = EpochRecords(folder / METRICS, EpochRecord)
    for epoch, score in enumerate(scores, start=1):
        ap = {"carton": score}
        records.add(EpochRecord(epoch=epoch, losses={}, learning_rate=0.1, ap50={"carton": score + 0.1}, ap=ap))
    return folder


def test_the_best_epoch_of_a_run_is_not_always_its_last(tmp_path: Path):
    run = open_run(write_run(tmp_path / "a", [0.5, 0.7, 0.6]))
    assert run.best is not None
    assert run.best.epoch == 2
    assert run.finished


def test_a_run_that_was_broken_off_or_only_begun_is_listed_too(tmp_path: Path):
    write_run(tmp_path / "b", [0.5])
    write_run(tmp_path / "a", [])
    first, second = runs_below(tmp_path)
    assert (first.folder.name, first.best, first.finished) == ("a", None, False)
    assert (second.folder.name, second.finished) == ("b", False)
    listing = CliRunner().invoke(app, ["list", str(tmp_path)]).stdout.splitlines()
    assert listing[1].split()[-4:] == ["3", "-", "-", "-"]
    assert listing[2].split()[-6:] == ["1", "of", "3", "1", "0.600", "0.500"]


def test_a_run_that_lost_its_patience_is_finished_too(tmp_path: Path):
    folder = write_run(tmp_path / "a", [0.5, 0.7, 0.6, 0.6], epochs=9)
    config = read_config(folder)
    for patience, finished in ((2, True), (3, False), (0, False)):
        patient = config.settings.model_copy(update={"patience": patience})
        changed = config.model_copy(update={"settings": patient})
        (folder / CONFIG).write_text(changed.model_dump_json(by_alias=True), encoding="utf-8")
        assert open_run(folder).finished == finished


def test_only_what_differs_is_set_side_by_side(tmp_path: Path):
    one = write_run(tmp_path / "one", [0.5])
    other = write_run(tmp_path / "other", [0.6], learning_rate=0.01)
    (told,) = differences([open_run(one), open_run(other)])
    assert (told.name, told.values) == ("learning_rate", ("0.001", "0.01"))
    shown = CliRunner().invoke(app, ["compare", str(one), str(other)]).stdout
    assert [line.split() for line in shown.splitlines()[-2:]] == [
        ["carton", "mAP50", "0.600", "0.700"],
        ["carton", "mAP50-95", "0.500", "0.600"],
    ]
    read = json.loads(CliRunner().invoke(app, ["compare", str(one), str(other), "--json"]).stdout)
    assert read["differ_in"] == ["learning_rate"]
    assert [run["best"]["ap"]["carton"] for run in read["runs"]] == [0.5, 0.6]


def write_classifier(folder: Path, accuracies: list[float]) -> Path:
    folder.mkdir(parents=True)
    colour = Attribute(name="colour", values=("red", "blue"))
    told = SET.model_dump(include={"name", "licence", "source", "pictures", "digest"})
    config = ClassifierConfig(
        settings=ClassifierSettings(),
        tagged_set=TaggedSetDescription(taxonomy=Taxonomy(attributes=(colour,)), **told),
        learnt_from=DataEntry(**told),
        teachers=(),
    )
    (folder / CONFIG).write_text(config.model_dump_json(by_alias=True), encoding="utf-8")
    records = EpochRecords(folder / METRICS, ClassifierEpoch)
    for epoch, accuracy in enumerate(accuracies, start=1):
        records.add(ClassifierEpoch(epoch=epoch, losses={}, learning_rate=0.1, accuracy={"colour": accuracy}))
    return folder


def test_classifiers_are_listed_beside_detectors_and_compared_among_themselves(tmp_path: Path):
    detector = write_run(tmp_path / "a", [0.5])
    first = write_classifier(tmp_path / "b", [0.8, 0.9])
    second = write_classifier(tmp_path / "c", [0.7])
    listing = CliRunner().invoke(app, ["list", str(tmp_path)]).stdout.splitlines()
    assert [line.split()[0] for line in listing] == ["detector", str(detector), "classifier", str(first), str(second)]
    assert listing[3].split()[1:] == ["tf_efficientnet_lite0", "224", "2", "of", "20", "2", "0.900"]
    shown = CliRunner().invoke(app, ["compare", str(first), str(second)]).stdout
    assert shown.splitlines()[-1].split() == ["colour", "accuracy", "0.900", "0.700"]
    with pytest.raises(EdgekitError, match="name runs of one kind"):
        differences([open_run(detector), open_run(first)])


def test_a_folder_without_runs_is_told(tmp_path: Path):
    with pytest.raises(EdgekitError, match="no training in"):
        runs_below(tmp_path)
    with pytest.raises(EdgekitError, match="there is no folder"):
        runs_below(tmp_path / "none")

"""All folds of a recipe are trained, go on where they were broken off, and are told with intervals, beside twins."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from train.classifier.answers import estimate
from train.classifier.export import export_classifier
from train.classifier.fold_folders import FOLDS, fold_folder
from train.classifier.fold_runs import train_folds
from train.classifier.folds_report import FoldsReport, read_folds, report_folds
from train.classifier.record import ClassifierEpoch
from train.classifier.run import divide, train_classifier
from train.classifier.settings import ClassifierSettings, read_classifier_config
from train.classifier.twin import compare_twin
from train.cli import app
from train.epochs import METRICS, EpochRecords

Tiny = Callable[..., ClassifierSettings]
BARELY = {"learning_rate": 1e-6, "epochs": 1}


@pytest.fixture(scope="module")
def teacher(coloured_of_all: TaggedSet, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train two folds that know their colours."""
    out = tmp_path_factory.mktemp("folds") / "teacher"
    train_folds(tiny(schedule={"epochs": 16}, folds=2), coloured_of_all, out)
    report_folds(out, coloured_of_all)
    return out


def test_each_picture_is_told_by_the_fold_that_did_not_learn_it(teacher: Path, coloured_of_all: TaggedSet, tiny: Tiny):
    report = read_folds(teacher)
    assert [score.attribute for score in report.scores] == ["colour", "warmth"]
    assert (report.folds, report.pictures, report.val_pictures) == (2, 24, 9)
    assert "edgekit train folds OUT --set coloured --backbone test_efficientnet" in report.command
    colour = report.scores[0]
    records = [EpochRecords(fold_folder(teacher, fold) / METRICS, ClassifierEpoch).read() for fold in range(2)]
    best = [max(of_one, key=lambda record: sum(record.accuracy.values())) for of_one in records]
    assert colour.by_fold == pytest.approx([100 * record.accuracy["colour"] for record in best], abs=0.01)
    sizes = [len(divide(coloured_of_all, tiny(folds=2, fold=fold)).held) for fold in range(2)]
    assert colour.kept_out.mean == pytest.approx(np.average(colour.by_fold, weights=sizes), abs=0.01)
    assert colour.kept_out.low <= colour.kept_out.mean <= colour.kept_out.high
    assert colour.val is not None
    assert colour.val.mean == pytest.approx(np.mean(colour.val_by_fold), abs=0.01)
    assert colour.val.mean >= 80
    assert "by fold" in (teacher / "report.html").read_text("utf-8")


def test_folds_that_were_broken_off_end_as_those_that_were_not(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    class BrokenOffError(Exception):
        pass

    def break_off(fold: int, record: ClassifierEpoch) -> None:
        if (fold, record.epoch) == (1, 1):
            raise BrokenOffError

    settings = tiny(folds=3)
    train_folds(settings, coloured, tmp_path / "whole")
    with pytest.raises(BrokenOffError):
        train_folds(settings, coloured, tmp_path / "broken", on_epoch=break_off)
    # The next one was broken off before its first epoch ended.
    begun = fold_folder(tmp_path / "broken", 2)
    (begun / "weights").mkdir(parents=True)
    (begun / "config.json").write_text("{")
    with pytest.raises(EdgekitError, match="lacks folds yet: go on with it"):
        train_folds(tiny(folds=3, teaching={"teachers": (tmp_path / "broken",)}), coloured, tmp_path / "taught")
    seen: list[tuple[int, int]] = []
    train_folds(
        settings, coloured, tmp_path / "broken", on_epoch=lambda fold, record: seen.append((fold, record.epoch))
    )
    assert seen == [(1, 2), (2, 1), (2, 2)]
    reports = [report_folds(tmp_path / name, coloured) for name in ("whole", "broken")]
    assert reports[0] == reports[1]
    with pytest.raises(EdgekitError, match="begun with another settings"):
        train_folds(tiny(folds=3, seed=1), coloured, tmp_path / "broken")


def test_a_fold_is_taught_by_the_fold_that_kept_out_the_same_and_by_no_other(
    teacher: Path, coloured_of_all: TaggedSet, tiny: Tiny, tmp_path: Path
):
    taught = tiny(schedule=BARELY, folds=2, teaching={"teachers": (teacher,)})
    train_folds(taught, coloured_of_all, tmp_path / "student")
    configs = [read_classifier_config(fold_folder(tmp_path / "student", fold)) for fold in range(2)]
    assert [config.settings.teaching.teachers for config in configs] == [
        (fold_folder(teacher, fold),) for fold in range(2)
    ]
    train_classifier(tiny(schedule=BARELY), coloured_of_all, tmp_path / "plain")
    for change in (
        {"teaching": {"teachers": (tmp_path / "plain",)}},
        {"teaching": {"teachers": (fold_folder(teacher, 0),)}},
        {"network": {"weights": tmp_path / "plain"}},
    ):
        with pytest.raises(EdgekitError, match=r"learnt from pictures that fold \d of 2 keeps out"):
            train_folds(tiny(schedule=BARELY, folds=2, **change), coloured_of_all, tmp_path / "refused")
        assert not (tmp_path / "refused").exists()
    alone = tiny(schedule=BARELY, folds=2, fold=1, teaching={"teachers": (fold_folder(teacher, 1),)})
    assert train_classifier(alone, coloured_of_all, tmp_path / "one").exists()


def test_folds_of_another_division_neither_teach_nor_are_scored(
    teacher: Path, coloured_of_all: TaggedSet, tiny: Tiny, tmp_path: Path
):
    older = tmp_path / "older"  # as another version of the kit may have divided it
    shutil.copytree(teacher, older)
    config = fold_folder(older, 1) / "config.json"
    record = json.loads(config.read_text("utf-8"))
    record["learnt_from"]["digest"] = "0" * 64
    config.write_text(json.dumps(record), encoding="utf-8")
    taught = tiny(schedule=BARELY, folds=2, teaching={"teachers": (older,)})
    with pytest.raises(EdgekitError, match="learnt from other pictures than belong to the rest now"):
        train_folds(taught, coloured_of_all, tmp_path / "refused")
    alone = tiny(schedule=BARELY, folds=2, fold=1, teaching={"teachers": (fold_folder(older, 1),)})
    with pytest.raises(EdgekitError, match="learnt from other pictures than belong to the rest now"):
        train_classifier(alone, coloured_of_all, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    with pytest.raises(EdgekitError, match="that fold 1 of 2 keeps out now"):
        report_folds(older, coloured_of_all)
    with pytest.raises(EdgekitError, match="that fold 1 of 2 keeps out now"):
        export_classifier(fold_folder(older, 1), coloured_of_all, tmp_path / "export")
    assert not (tmp_path / "export").exists()


def test_folds_of_a_student_are_set_beside_those_of_its_twin_picture_by_picture(
    teacher: Path, coloured_of_all: TaggedSet, tiny: Tiny, tmp_path: Path
):
    student, twin = tmp_path / "student", tmp_path / "twin"
    for out, teachers in ((student, (teacher,)), (twin, ())):
        train_folds(tiny(schedule=BARELY, folds=2, teaching={"teachers": teachers}), coloured_of_all, out)
        report_folds(out, coloured_of_all)
    assert "set it beside its twin" in (student / "report.html").read_text("utf-8")
    told = CliRunner().invoke(app, ["twin", str(student), str(twin), "--set", str(coloured_of_all.folder)])
    assert told.exit_code == 0, told.output
    report = compare_twin(student, twin, coloured_of_all)
    assert (report.folds, report.pictures, report.teachers) == (2, 24, ("teacher",))
    for scores, of_one in ((report.scores, "kept_out"), (report.val, "val")):
        for position, score in enumerate(scores):
            means = [getattr(read_folds(out).scores[position], of_one).mean for out in (teacher, twin, student)]
            assert [score.teacher, score.twin, score.student] == pytest.approx(means, abs=0.01)
            assert score.gain == pytest.approx(score.student - score.twin, abs=0.02)
            assert score.low <= score.gain <= score.high
    assert report.verdict in (student / "report.html").read_text("utf-8")
    train_classifier(tiny(schedule=BARELY), coloured_of_all, tmp_path / "plain")
    with pytest.raises(EdgekitError, match="name two of a kind"):
        compare_twin(student, tmp_path / "plain", coloured_of_all)


def test_whole_groups_are_drawn_so_that_what_is_alike_counts_once():
    right = np.repeat([1.0, 0.0] * 20, 5)
    by_picture, by_group = (estimate(right, groups) for groups in (np.arange(200), np.repeat(np.arange(40), 5)))
    assert by_picture.mean == by_group.mean == 50
    widths = [one.high - one.low for one in (by_picture, by_group)]
    # A mean of 200 halves has a standard deviation of 3.5 points, one of 40 of 7.9.
    assert widths[0] == pytest.approx(2 * 1.96 * 3.54, rel=0.15)
    assert widths[1] == pytest.approx(2 * 1.96 * 7.91, rel=0.15)


def test_the_command_trains_all_folds_and_prints_a_table_or_json(coloured_of_all: TaggedSet, tmp_path: Path):
    words = ["folds", str(tmp_path / "out"), "--set", str(coloured_of_all.folder), "--folds", "2", "--epochs", "1"]
    words += ["--backbone", "test_efficientnet", "--input-px", "32", "--mix", "0", "--hue", "0"]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "fold 1 of 2, epoch 1 of 1: accuracy: colour " in shown.output
    again = CliRunner().invoke(app, [*words, "--json"])
    assert again.exit_code == 0, again.output
    report = FoldsReport.model_validate(json.loads(again.stdout))
    assert report == read_folds(tmp_path / "out")
    row = next(line.split() for line in shown.output.splitlines() if line.startswith("colour"))
    assert row[1] == f"{report.scores[0].kept_out.mean:.1f}"


def test_a_folder_of_something_else_is_left_alone(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.json").write_text("{}")
    with pytest.raises(EdgekitError, match=r"holds config.json, which is none of 2 folds"):
        train_folds(tiny(folds=2), coloured, tmp_path / "out")
    assert not (tmp_path / "out" / FOLDS).exists()

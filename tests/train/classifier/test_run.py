"""A classifier is trained, resumed as if never broken off, taught by another, and refuses what it cannot use."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet, open_tagged_set
from edge.model.classifier import Classifier, TagDecoder
from edge.model.detector import load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import CLASSIFIER
from edge.model.picture import read_picture
from train.checkpoints import load_state
from train.classifier.export import export_classifier
from train.classifier.record import ClassifierEpoch
from train.classifier.report import report_run
from train.classifier.run import divide, train_classifier
from train.classifier.settings import ClassifierSettings, read_classifier_config
from train.epochs import METRICS, EpochRecords
from train.run_folders import BEST, LAST
from train.tagged_sets import write_tagged_set

Tiny = Callable[..., ClassifierSettings]


def records(run: Path) -> list[ClassifierEpoch]:
    return EpochRecords(run / METRICS, ClassifierEpoch).read()


def test_colours_are_learnt_and_all_that_decided_it_is_recorded(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    steps: list[tuple[int, int]] = []
    told: list[int] = []
    best = train_classifier(
        tiny(schedule={"epochs": 12}),
        coloured,
        tmp_path / "run",
        on_step=lambda done, total: steps.append((done, total)),
        on_epoch=lambda record: told.append(record.epoch),
    )
    assert best == tmp_path / "run" / BEST
    assert steps == [(step, 36) for step in range(1, 37)]
    assert told == list(range(1, 13))
    reached = max(record.accuracy["colour"] for record in records(tmp_path / "run"))
    assert reached >= 0.9
    config = read_classifier_config(tmp_path / "run")
    assert (config.learnt_from.pictures, config.tagged_set) == (24, coloured.description)


def test_a_run_that_was_broken_off_ends_as_one_that_was_not(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    class BrokenOffError(Exception):
        pass

    def break_off(record: ClassifierEpoch) -> None:
        if record.epoch == 1:
            raise BrokenOffError

    settings = tiny(schedule={"epochs": 3}, network={"dropout": 0.3})
    train_classifier(settings, coloured, tmp_path / "whole")
    with pytest.raises(BrokenOffError):
        train_classifier(settings, coloured, tmp_path / "broken", on_epoch=break_off)
    train_classifier(settings, coloured, tmp_path / "broken", resume=True)
    assert records(tmp_path / "broken") == records(tmp_path / "whole")
    ends = [load_state(tmp_path / run / LAST)["network"] for run in ("whole", "broken")]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


TRAIN = """
import torch
from edge.evaluate.tagged_set import open_tagged_set
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings
torch.set_num_threads(1)  # as in the test that goes on: another order of sums would give other last bits
train_classifier(ClassifierSettings.model_validate_json(settings), open_tagged_set(folder), run)
"""


def test_a_run_killed_in_the_middle_of_a_save_ends_as_one_that_was_not_and_can_be_used(
    coloured: TaggedSet, tiny: Tiny, tmp_path: Path, kill_in_second_save: Callable[..., None]
):
    settings = tiny(schedule={"epochs": 12}, network={"dropout": 0.3})
    kill_in_second_save(TRAIN, settings.model_dump_json(), coloured.folder, tmp_path / "killed")
    assert [record.epoch for record in records(tmp_path / "killed")] == [1, 2]  # of the second the checkpoint was torn
    seen: list[int] = []
    train_classifier(
        settings, coloured, tmp_path / "killed", resume=True, on_epoch=lambda record: seen.append(record.epoch)
    )
    assert seen == list(range(2, 13))
    train_classifier(settings, coloured, tmp_path / "whole")
    assert records(tmp_path / "killed") == records(tmp_path / "whole")
    exported = export_classifier(tmp_path / "killed", coloured, tmp_path / "export")
    model = ModelContent.read(tmp_path / "export" / CLASSIFIER.exported)
    engine = load_engine("onnxruntime", EngineRequest(model, "fp32", 32, 32, 1))
    classifier = Classifier(engine, TagDecoder(exported.taxonomy, exported.thresholds), 32, 32)
    said = [classifier.classify(read_picture(one.path)).tags[0].value for one in coloured.part("val")]
    colours = exported.taxonomy.attributes[0].values
    right = [value == colours[one.tags[0][0]] for value, one in zip(said, coloured.part("val"), strict=True)]
    assert sum(right) >= 8


def test_a_run_is_resumed_with_the_same_settings_and_set_alone(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    run = tmp_path / "run"
    with pytest.raises(EdgekitError, match="nothing to resume"):
        train_classifier(tiny(), coloured, run, resume=True)
    train_classifier(tiny(schedule={"epochs": 1}), coloured, run)
    with pytest.raises(EdgekitError, match="holds a run already"):
        train_classifier(tiny(), coloured, run)
    with pytest.raises(EdgekitError, match="was begun with another settings"):
        train_classifier(tiny(seed=1), coloured, run, resume=True)


@pytest.mark.parametrize("loss", ["kd", "dkd", "dist"])
def test_a_student_learns_from_its_teacher_alone(coloured: TaggedSet, tiny: Tiny, tmp_path: Path, loss: str):
    teacher = tmp_path / "teacher"
    train_classifier(tiny(schedule={"epochs": 12}), coloured, teacher)
    taught = tiny(teaching={"teachers": (teacher,), "loss": loss, "weight": 1.0}, schedule={"epochs": 24}, seed=1)
    train_classifier(taught, coloured, tmp_path / "student")
    epochs = records(tmp_path / "student")
    assert set(epochs[0].losses) == {"teacher/colour"}
    assert max(record.accuracy["colour"] for record in epochs) >= 0.9
    digests = read_classifier_config(tmp_path / "student").teachers
    assert len(digests) == 1


def test_pictures_without_tags_are_learnt_from_through_the_teacher(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    train_classifier(tiny(), coloured, tmp_path / "teacher")
    steps: list[tuple[int, int]] = []
    settings = tiny(teaching={"teachers": (tmp_path / "teacher",), "unlabelled": tmp_path / "origin"})
    train_classifier(settings, coloured, tmp_path / "student", on_step=lambda done, total: steps.append((done, total)))
    # 24 tagged pictures and 33 others in batches of 8; a last one of one picture is left out.
    assert steps[-1] == (2 * 7, 2 * 7)
    with pytest.raises(EdgekitError, match="need a teacher"):
        train_classifier(tiny(teaching={"unlabelled": tmp_path / "origin"}), coloured, tmp_path / "alone")


def test_a_loss_that_is_no_number_stops_the_run_with_its_cause(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    with pytest.raises(EdgekitError, match=r"became NaN or infinite in epoch \d, step \d, at learning rate"):
        train_classifier(tiny(schedule={"learning_rate": 1e30, "optimiser": "sgd"}), coloured, tmp_path / "run")


def test_a_picture_that_cannot_be_read_is_refused_or_left_out_and_recorded(
    coloured: TaggedSet, tiny: Tiny, tmp_path: Path
):
    bad = coloured.part("train")[0].path
    bad.write_bytes(b"no picture")
    with pytest.raises(EdgekitError, match=f"{bad.name} cannot be read as a picture; mend it"):
        train_classifier(tiny(), coloured, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    train_classifier(tiny(schedule={"epochs": 1}), coloured, tmp_path / "run", skip_bad=True)
    assert [bad.name in fault for fault in read_classifier_config(tmp_path / "run").skipped] == [True]


def test_a_checkpoint_of_a_stranger_is_not_run(tmp_path: Path):
    torch.save({"network": Path("harmless")}, tmp_path / "stranger.pt")
    with pytest.raises(EdgekitError, match="cannot be read safely"):
        load_state(tmp_path / "stranger.pt")
    with pytest.raises(EdgekitError, match="there is no checkpoint"):
        load_state(tmp_path / "none.pt")


def test_a_teacher_of_other_attributes_is_refused(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    train_classifier(tiny(schedule={"epochs": 1}), coloured, tmp_path / "teacher")
    shutil.copytree(coloured.folder, tmp_path / "other")
    record = tmp_path / "other" / "tags.json"
    record.write_text(record.read_text().replace('"warmth"', '"heat"'))
    other = open_tagged_set(tmp_path / "other")
    with pytest.raises(EdgekitError, match="knows other attributes"):
        train_classifier(tiny(teaching={"teachers": (tmp_path / "teacher",)}), other, tmp_path / "student")


def test_a_fold_that_is_kept_out_is_not_learnt_from(coloured: TaggedSet, tiny: Tiny):
    parts = [divide(coloured, tiny(folds=3, fold=fold)) for fold in range(3)]
    everything = set(coloured.part("train"))
    assert set().union(*(part.held for part in parts)) == everything
    for part in parts:
        assert set(part.learn) == everything - set(part.held)
    assert divide(coloured, tiny()).held == coloured.part("val")


def test_a_training_opens_no_picture_of_a_sets_test_part(
    coloured: TaggedSet, tiny: Tiny, tmp_path: Path, opened_files: Any
):
    kept_apart: list[TaggedPicture] = []
    for one in coloured.part("val"):
        path = one.path.with_name(f"kept-apart-{one.path.name}")
        shutil.copyfile(one.path, path)
        kept_apart.append(replace(one, path=path, part="test"))
    described = coloured.description
    parted = write_tagged_set(
        tmp_path / "parted",
        name="parted",
        licence=described.licence,
        source=described.source,
        taxonomy=described.taxonomy,
        pictures=[*coloured.pictures, *kept_apart],
        origin=coloured.folder / "images",
    )
    opened_files.paths.clear()
    train_classifier(tiny(schedule={"epochs": 1}), parted, tmp_path / "run")
    report_run(tmp_path / "run", parted)
    export_classifier(tmp_path / "run", parted, tmp_path / "export")
    read = {path.name for path in opened_files.below(parted.folder / "images")}
    assert read == {one.path.name for one in parted.pictures if one.part != "test"}
    assert len(parted.part("test")) == 9


def test_a_finished_run_has_a_report_with_its_errors_and_events_for_tensorboard(
    coloured: TaggedSet, tiny: Tiny, tmp_path: Path
):
    train_classifier(tiny(schedule={"epochs": 1, "learning_rate": 1e-6}), coloured, tmp_path / "run")
    text = report_run(tmp_path / "run", coloured).read_text("utf-8")
    assert "edgekit train classifier OUT --set coloured --backbone test_efficientnet" in text
    assert "taken for" in text  # an untrained network errs
    assert list((tmp_path / "run" / "tensorboard").glob("events.out.tfevents.*"))

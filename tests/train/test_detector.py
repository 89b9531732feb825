"""A real, tiny training: it learns from partially labelled sets, can be resumed, and refuses what it cannot use."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from train.detector import TrainSettings, read_config, train_detector
from train.epochs import METRICS
from train.export import export_onnx
from train.run_folders import CONFIG
from train.yolo_models import load, model_yaml, yaml_model_load
from train.yolo_training import check_resumable

MakeSet = Callable[..., DetectionSet]


def settings(weights: Path, **changes: object) -> TrainSettings:
    return TrainSettings.model_validate(
        {"weights": weights, "input_px": 64, "epochs": 1, "batch": 4, "freeze": 0, "plain_epochs": 0, **changes}
    )


@pytest.fixture
def random_weights(tmp_path: Path) -> Path:
    """Return a model description that starts from random weights."""
    return model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml")


def test_a_run_trains_on_partial_sets_and_tells_how(make_set: MakeSet, random_weights: Path, tmp_path: Path):
    sets = [make_set("cartons", ("carton",), 0), make_set("codes", ("barcode", "qr"), 1)]
    best = train_detector(settings(random_weights), sets, tmp_path / "run")
    assert best.exists()
    record = json.loads((tmp_path / "run" / CONFIG).read_text("utf-8"))
    assert [entry["licence"] for entry in record["sets"]] == ["CC0-1.0", "CC0-1.0"]
    lines = (tmp_path / "run" / METRICS).read_text("utf-8").splitlines()
    assert len(lines) == 1
    # Nobody labelled a qr, so nothing is said of it; cartons and barcodes are scored where they are labelled.
    assert set(json.loads(lines[0])["ap50"]) == {"carton", "barcode"}
    assert not list((tmp_path / "sets").rglob("*.cache"))


def test_a_broken_off_run_is_resumed_to_its_full_number_of_epochs(
    make_set: MakeSet, random_weights: Path, tmp_path: Path
):
    opened = make_set("cartons", ("carton",), 0)
    wanted = settings(random_weights, epochs=3)

    def break_off(record: object) -> None:
        raise KeyboardInterrupt(record)

    with pytest.raises(KeyboardInterrupt):
        train_detector(wanted, [opened], tmp_path / "run", on_epoch=break_off)
    seen: list[int] = []
    train_detector(wanted, [opened], tmp_path / "run", resume=True, on_epoch=lambda record: seen.append(record.epoch))
    assert seen == [2, 3]


def test_frozen_layers_stay_as_they_start_and_the_next_ones_do_not(
    make_set: MakeSet, random_weights: Path, tmp_path: Path
):
    opened, start = make_set("a", ("carton",), 0, pictures=8), tmp_path / "start" / "weights" / "last.pt"
    train_detector(settings(random_weights), [opened], tmp_path / "start")
    train_detector(settings(start, freeze=2, learning_rate=0.01), [opened], tmp_path / "run")
    before, after = (load(path).model.state_dict() for path in (start, tmp_path / "run" / "weights" / "last.pt"))
    moved = {
        name.split(".")[1] for name in before if name.endswith("conv.weight") and (before[name] != after[name]).any()
    }
    assert moved.isdisjoint({"0", "1"})
    assert {"2", "3"} <= moved


def test_a_used_folder_is_not_trained_into(make_set: MakeSet, random_weights: Path, tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").touch()
    with pytest.raises(EdgekitError, match="holds a run already"):
        train_detector(settings(random_weights), [make_set("a", ("carton",), 0)], tmp_path / "run")


def test_missing_weights_are_named(make_set: MakeSet, tmp_path: Path):
    with pytest.raises(EdgekitError, match=r"there are no weights at .* such as yolo11s\.yaml"):
        train_detector(settings(tmp_path / "none.pt"), [make_set("a", ("carton",), 0)], tmp_path / "run")


def test_a_size_without_a_checkpoint_begins_with_random_weights_by_its_name(make_set: MakeSet, tmp_path: Path):
    best = train_detector(settings(Path("yolov8s.yaml")), [make_set("a", ("carton",), 0, pictures=4)], tmp_path / "run")
    assert 10e6 < sum(value.numel() for value in load(best).model.parameters()) < 12e6  # n has 3 million, s 11
    weights = read_config(tmp_path / "run").first_weights
    assert (weights.name, weights.source) == ("yolov8s.yaml", "random weights")


@pytest.mark.parametrize("family", ["yolov8", "yolo11", "yolo26"])
def test_each_size_of_each_family_is_described(family: str):
    widths = [yaml_model_load(f"{family}{size}.yaml")["scale"] for size in "nsmlx"]
    assert widths == list("nsmlx")


@pytest.mark.parametrize("fault", ["picture", "label", "orphan"])
def test_a_bad_picture_is_refused_or_skipped_and_told(
    make_set: MakeSet, random_weights: Path, tmp_path: Path, fault: str
):
    opened = make_set("a", ("carton",), 0)
    picture = opened.pictures("train")[0]
    label = opened.label_file(picture)
    match fault:
        case "picture":
            picture.write_bytes(picture.read_bytes()[:20])
        case "label":
            label.write_text("9 0.5 0.5 0.1 0.1\n", encoding="utf-8")
        case _:
            picture.unlink()
    with pytest.raises(EdgekitError, match=f"{picture.stem}.*--skip-bad"):
        train_detector(settings(random_weights), [opened], tmp_path / "refused")
    train_detector(settings(random_weights), [opened], tmp_path / "run", skip_bad=True)
    record = json.loads((tmp_path / "run" / CONFIG).read_text("utf-8"))
    assert len(record["skipped"]) == 1
    assert picture.stem in record["skipped"][0]


def test_a_run_is_resumed_with_its_own_settings_and_sets_alone(make_set: MakeSet, random_weights: Path, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0)
    begun = settings(random_weights, epochs=2)

    def break_off(record: object) -> None:
        raise KeyboardInterrupt(record)

    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_detector(begun, [opened], run, on_epoch=break_off)
    before = (run / CONFIG).read_bytes()
    with pytest.raises(EdgekitError, match="begun with epochs 2: resume it with the same settings"):
        train_detector(settings(random_weights, epochs=5), [opened], run, resume=True)
    with pytest.raises(EdgekitError, match="begun with other sets"):
        train_detector(begun, [make_set("others", ("carton",), 0)], run, resume=True)
    assert (run / CONFIG).read_bytes() == before
    train_detector(begun, [opened], run, resume=True)
    with pytest.raises(EdgekitError, match="has finished: there is nothing to resume"):
        train_detector(begun, [opened], run, resume=True)


def test_a_failed_start_leaves_nothing_in_the_way_of_the_next(make_set: MakeSet, random_weights: Path, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0)
    label = opened.label_file(opened.pictures("train")[0])
    good = label.read_text(encoding="utf-8")
    label.write_bytes(b"0 0.5 0.5 0.5 0.5 \xe9\n")
    with pytest.raises(EdgekitError, match="cannot be read as labels"):
        train_detector(settings(random_weights), [opened], tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(EdgekitError, match="nothing to resume"):
        train_detector(settings(random_weights), [opened], tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()
    label.write_text(good, encoding="utf-8")
    train_detector(settings(random_weights), [opened], tmp_path / "run")


def test_a_set_with_other_classes_is_not_learnt_under_wrong_names(
    make_set: MakeSet, random_weights: Path, tmp_path: Path
):
    opened = make_set("cartons", ("carton",), 0)
    other = opened.description.model_copy(update={"name": "other", "classes": ("qr", "barcode", "carton")})
    with pytest.raises(EdgekitError, match=r"has the classes .* name the same classes in the same order"):
        train_detector(settings(random_weights), [opened, DetectionSet(opened.folder, other)], tmp_path / "run")


def test_a_set_may_have_classes_of_its_own(make_set: MakeSet, random_weights: Path, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0)
    shelf = opened.description.model_copy(update={"classes": ("price", "name"), "labelled": ("price",)})
    train_detector(settings(random_weights), [DetectionSet(opened.folder, shelf)], tmp_path / "run")
    metrics = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [sorted(json.loads(line)["ap50"]) for line in metrics] == [["price"]] * len(metrics)
    assert metrics


def test_a_run_records_the_pictures_that_it_really_learnt_from(make_set: MakeSet, random_weights: Path, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0, pictures=8)
    train_detector(settings(random_weights, most_pictures=5), [opened], tmp_path / "run")
    (used,) = read_config(tmp_path / "run").learnt_from
    assert used.pictures == 5
    assert used.digest != opened.description.digest


class Letter:
    """What a stranger may put into a checkpoint: a pickle that writes a file as it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return exec, (f"open({str(self.path)!r}, 'w').close()",)


@pytest.mark.parametrize("content", ["letter", "letter in a dict", "text"])
def test_a_strangers_checkpoint_is_refused_and_nothing_in_it_runs(make_set: MakeSet, tmp_path: Path, content: str):
    weights, proof = tmp_path / "gift.pt", tmp_path / "proof"
    match content:
        case "letter":
            torch.save(Letter(proof), weights)
        case "letter in a dict":
            torch.save({"epoch": 1, "model": Letter(proof)}, weights)
        case _:
            weights.write_text("no checkpoint at all")
    opened = make_set("cartons", ("carton",), 0)
    with pytest.raises(EdgekitError, match=r"gift\.pt is no checkpoint .* nothing in it was run"):
        train_detector(settings(weights), [opened], tmp_path / "run")
    with pytest.raises(EdgekitError, match="nothing in it was run"):
        export_onnx(weights, tmp_path / "out.onnx", height=64, width=64)
    last = tmp_path / "begun" / "weights" / "last.pt"
    last.parent.mkdir(parents=True)
    last.write_bytes(weights.read_bytes())
    with pytest.raises(EdgekitError, match="cannot be read as a checkpoint"):
        check_resumable(last)
    assert not proof.exists()
    if content != "text":  # the letter is a real one: who reads it carelessly runs it
        torch.load(weights, weights_only=False)
        assert proof.exists()


def test_a_strangers_checkpoint_runs_nothing_either_where_ultralytics_was_imported_first(tmp_path: Path):
    weights, proof = tmp_path / "gift.pt", tmp_path / "proof"
    torch.save(Letter(proof), weights)
    script = "import sys, ultralytics\nfrom train.yolo_models import load\nload(sys.argv[1])"
    unset = {name: value for name, value in os.environ.items() if name != "ULTRALYTICS_SAFE_LOAD"}
    command = [sys.executable, "-c", script, str(weights)]
    done = subprocess.run(command, check=False, env=unset, capture_output=True, text=True)
    assert "nothing in it was run" in done.stderr
    assert not proof.exists()

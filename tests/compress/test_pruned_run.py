"""A pruned run keeps its shape through training, resuming and export, tells how it was made, or refuses to begin."""

import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compress.detector_subject import DetectorSubject
from compress.model_size import exported_size
from compress.prunable_detector import size_of
from compress.pruned_run import prune_run
from compress.pruning_record import (
    MacsTarget,
    PruneRequest,
    PruningRecord,
    Ratio,
    SpeedupTarget,
    one_target,
    read_pruning,
)
from compress.pruning_subject import Recovery
from compress.source import Source
from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from edge.model.export_record import DETECTOR, read_export
from train import yolo_models as yolo
from train.detector import RunConfig, TrainSettings, train_detector
from train.epochs import TrainingEpoch
from train.export import export_run
from train.runs import open_run

Checkpoint = Callable[[str], Path]
PX = 64


def request(**changes: Any) -> PruneRequest:
    return PruneRequest.model_validate({"target": Ratio(value=0.3), "height": PX, "width": PX, **changes})


def subject(weights: Path, *sets: DetectionSet, source: Source | None = None, **said: Any) -> DetectorSubject:
    """Return what is pruned, to be trained at the tiniest size and for an epoch."""
    told: dict[str, Any] = {"input_px": PX, "epochs": 1, "batch": 4, **said}
    return DetectorSubject(source or Source.open(weights), sets, Recovery(**told))


def pruned(weights: Path, out: Path, squares: DetectionSet, **changes: Any) -> Any:
    return prune_run(subject(weights, squares), out, request(**changes))


@dataclass(frozen=True)
class Finished:
    """A training, and the run that was pruned from it."""

    first: Path
    out: Path
    squares: DetectionSet
    record: PruningRecord


@pytest.fixture(scope="module")
def finished(
    random_checkpoint: Checkpoint,
    make_squares: Callable[[Path], DetectionSet],
    tmp_path_factory: pytest.TempPathFactory,
) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    squares, first, out = make_squares(folder / "squares"), folder / "first", folder / "pruned"
    began = TrainSettings(
        weights=random_checkpoint("yolov8n"), input_px=PX, epochs=1, batch=4, freeze=0, plain_epochs=0
    )
    train_detector(began, [squares], first)
    record = prune_run(subject(first, squares), out, request(target=MacsTarget(value=0.7)))
    return Finished(first, out, squares, record)


def test_a_run_is_pruned_taught_and_proven_on_its_export(finished: Finished, tmp_path: Path):
    out, record = finished.out, finished.record
    assert record == read_pruning(out)
    assert record.proof is not None
    assert 0.5 * record.before.macs < record.after.macs <= 0.7 * record.before.macs
    trained = size_of(yolo.load(out / "weights" / "best.pt").model, PX, PX, top_k=False)
    assert trained == record.proof.checkpoint == record.after
    assert record.proof.latency.pruned_ms > 0
    assert "teacher_loss" in open_run(out).epochs[0].losses

    export_run(out, tmp_path / "export", height=PX, width=96)
    told = read_export(tmp_path / "export")
    assert exported_size(tmp_path / "export" / DETECTOR.exported).parameters == record.after.parameters
    assert told.classes == ("carton", "barcode", "qr")
    assert told.weights.name == "yolov8n.pt"
    assert [entry.name for entry in told.data] == ["squares"]
    assert told.recipe.startswith("edgekit train detector OUT --set squares")
    assert "&& edgekit compress prune RUN OUT --set squares --target-macs 0.7" in told.recipe


def test_a_runs_checkpoint_has_the_same_past_as_its_folder(finished: Finished):
    by_checkpoint = Source.open(finished.first / "weights" / "best.pt")
    assert by_checkpoint.past("prune") == Source.open(finished.first).past("prune")
    assert by_checkpoint.past("prune").learnt_from


def test_a_finished_run_has_nothing_to_resume(finished: Finished):
    again = subject(finished.first, finished.squares)
    with pytest.raises(EdgekitError, match="is done: there is nothing to resume"):
        prune_run(again, finished.out, finished.record.request, resume=True)


def test_its_checkpoints_hold_no_class_of_the_kits_own(finished: Finished):
    for name in ("start/pruned.pt", "weights/best.pt", "weights/last.pt"):
        with zipfile.ZipFile(finished.out / name) as archive:
            pickled = archive.read(next(member for member in archive.namelist() if member.endswith("/data.pkl")))
        named = {str(word) for code, word, _ in pickletools.genops(pickled) if code.name == "GLOBAL"}
        assert "ultralytics.nn.tasks DetectionModel" in named
        assert not [one for one in named if one.startswith(("compress", "train", "edge"))]


def test_a_training_keeps_its_shape_and_its_classes(finished: Finished, tmp_path: Path):
    squares = finished.squares
    again = TrainSettings(
        weights=finished.out / "weights" / "best.pt", input_px=PX, epochs=1, batch=4, freeze=0, plain_epochs=0
    )
    best = train_detector(again, [squares], tmp_path / "again")
    assert size_of(yolo.load(best).model, PX, PX, top_k=False) == finished.record.after
    fewer = squares.description.model_copy(update={"classes": ("carton", "qr"), "labelled": ("carton",)})
    with pytest.raises(EdgekitError, match="keeps its 3 classes and cannot learn the 2"):
        train_detector(again, [DetectionSet(squares.folder, fewer)], tmp_path / "fewer")


@pytest.mark.parametrize("family", ["yolo11n", "yolo26n"])
def test_the_other_families_keep_their_shape_through_training(
    random_checkpoint: Checkpoint, squares: DetectionSet, tmp_path: Path, family: str
):
    record = pruned(random_checkpoint(family), tmp_path / "pruned", squares)
    assert record.proof is not None
    assert record.proof.checkpoint == record.after
    assert record.proof.exported.parameters == record.after.parameters < 0.8 * record.before.parameters


def test_a_model_of_outlines_is_pruned_and_learns_outlines_in_its_shape(
    random_checkpoint: Checkpoint, squares: DetectionSet, tmp_path: Path
):
    for path in (squares.folder / "labels").glob("*/*.txt"):
        x, y, half = *(float(word) for word in path.read_text().split()[1:3]), 12 / 64
        corners = ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half))
        path.write_text("0 " + " ".join(f"{a} {b}" for a, b in corners) + "\n")
    weights, out = random_checkpoint("yolov8n-seg"), tmp_path / "pruned"
    wanted = TrainSettings(weights=weights, input_px=PX, epochs=1, batch=4, freeze=0, outlines=True)
    source = Source(weights, RunConfig(settings=wanted, sets=(), skipped=(), learnt_from=()))
    record = prune_run(subject(weights, squares, source=source), out, request())
    assert record.proof is not None
    assert record.proof.checkpoint == record.after
    with pytest.raises(EdgekitError, match="train it with --outlines"):
        train_detector(
            wanted.model_copy(update={"weights": out / "weights" / "best.pt", "outlines": False}),
            [squares],
            tmp_path / "boxes",
        )


def test_a_run_that_was_broken_off_goes_on_in_its_shape(
    random_checkpoint: Checkpoint, squares: DetectionSet, tmp_path: Path
):
    weights, out = random_checkpoint("yolov8n"), tmp_path / "pruned"

    def break_off(record: object) -> None:
        raise KeyboardInterrupt(record)

    with pytest.raises(KeyboardInterrupt):
        prune_run(subject(weights, squares, epochs=2, on_epoch=break_off), out, request())
    assert read_pruning(out).proof is None
    seen: list[int] = []

    def see(record: TrainingEpoch) -> None:
        seen.append(record.epoch)

    again = subject(weights, squares, epochs=2, on_epoch=see)
    with pytest.raises(EdgekitError, match="go on with it by --resume"):
        prune_run(again, out, request())
    with pytest.raises(EdgekitError, match="resume it with the same options"):
        prune_run(again, out, request(target=Ratio(value=0.5)), resume=True)
    record = prune_run(again, out, request(), resume=True)
    assert seen == [2]
    assert record.proof is not None
    assert record.proof.checkpoint == record.after
    # Broken off once more, in the middle of the last step: it is measured again, and nothing is trained.
    (out / "pruning.json").write_text(record.model_copy(update={"proof": None}).model_dump_json(by_alias=True))
    assert prune_run(again, out, request(), resume=True).proof is not None
    assert seen == [2]


def test_a_measured_target_is_reached_or_told_to_be_out_of_reach(
    random_checkpoint: Checkpoint, squares: DetectionSet, tmp_path: Path
):
    weights = random_checkpoint("yolov8n")
    with pytest.raises(EdgekitError, match=r"1000 times the speed cannot be reached: .* ms are measured"):
        pruned(weights, tmp_path / "pruned", squares, target=SpeedupTarget(value=1000))
    assert not (tmp_path / "pruned").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["sets"]


def test_faults_leave_nothing_behind(random_checkpoint: Checkpoint, squares: DetectionSet, tmp_path: Path):
    weights, out = random_checkpoint("yolov8n"), tmp_path / "pruned"
    label = squares.label_file(squares.pictures("train")[0])
    good = label.read_text(encoding="utf-8")
    label.write_text("9 0.5 0.5 0.1 0.1\n", encoding="utf-8")
    with pytest.raises(EdgekitError, match="--skip-bad"):
        pruned(weights, out, squares)
    assert not out.exists()
    label.write_text(good, encoding="utf-8")
    others = squares.description.model_copy(update={"classes": ("price", "name"), "labelled": ("price",)})
    with pytest.raises(EdgekitError, match=r"knows 3 classes .* fine-tune it"):
        pruned(weights, out, DetectionSet(squares.folder, others))
    other_head = random_checkpoint("yolo26n")
    with pytest.raises(EdgekitError, match="cannot teach this model"):
        prune_run(subject(weights, squares, teachers=(other_head,)), out, request())
    with pytest.raises(EdgekitError, match="learns from one teacher"):
        prune_run(subject(weights, squares, teachers=(weights, weights)), out, request())
    with pytest.raises(EdgekitError, match="name a set to train on"):
        prune_run(subject(weights), out, request())
    with pytest.raises(EdgekitError, match="neither a run nor a checkpoint"):
        Source.open(tmp_path / "none")
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(EdgekitError, match="nothing in it was run"):
        pruned(tmp_path / "text.pt", out, squares)
    assert not out.exists()


def test_a_training_refuses_what_was_pruned_elsewhere(
    random_checkpoint: Checkpoint, squares: DetectionSet, tmp_path: Path
):
    model: Any = yolo.load(random_checkpoint("yolov8n")).model
    model.model[0].conv.weight.data = model.model[0].conv.weight.data[:-1]
    yolo.save_checkpoint(model, {}, tmp_path / "narrow.pt")
    narrow = TrainSettings(weights=tmp_path / "narrow.pt", input_px=PX, epochs=1, batch=4, freeze=0, plain_epochs=0)
    with pytest.raises(EdgekitError, match="pruned or changed elsewhere"):
        train_detector(narrow, [squares], tmp_path / "narrow")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "in one way"),
        ({"ratio": 0.3, "macs": 0.7}, "in one way"),
        ({"ratio": 0.9}, "target of 0.9 is not possible"),
        ({"macs": 1.2}, "target of 1.2 is not possible"),
        ({"speedup": 0.5}, "target of 0.5 is not possible"),
        ({"latency_ms": -1.0}, "target of -1 is not possible"),
    ],
)
def test_a_target_is_given_once_and_in_range(given: dict[str, float], told: str):
    values: dict[str, float | None] = {"ratio": None, "macs": None, "speedup": None, "latency_ms": None, **given}
    with pytest.raises(EdgekitError, match=told):
        one_target(**values)

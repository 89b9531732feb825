"""Every baseline learns, finds, is scored by the kit's scorer and teaches; none can be exported to a box."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from edge.model.picture import read_picture
from train.baselines.adapter import Objects, create_baseline
from train.baselines.run import train_baseline
from train.baselines.settings import BaselineSettings, Kind, read_baseline_config
from train.cli import app
from train.epochs import EpochRecord
from train.run_folders import BEST, LAST
from train.runs import open_run
from train.runs_cli import app as runs_app
from train.teachers import run_teacher

MakeSet = Callable[..., DetectionSet]


def with_polygons(opened: DetectionSet) -> DetectionSet:
    """Label a set by outlines: its boxes' corners."""
    for path in opened.folder.glob("labels/*/*.txt"):
        class_id, *numbers = path.read_text("utf-8").split()
        x, y, width, height = map(float, numbers)
        corners = [(x + dx * width / 2, y + dy * height / 2) for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        words = [class_id, *(f"{value:.6f}" for corner in corners for value in corner)]
        path.write_text(" ".join(words) + "\n", "utf-8")
    return open_set(opened.folder)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_baseline_learns_is_scored_opens_again_and_teaches(kind: Kind, make_set: MakeSet, tmp_path: Path):
    opened = with_polygons(make_set("a", ("carton",), 0, pictures=4))
    settings = BaselineSettings(kind=kind, input_px=64, epochs=1, batch=2)
    steps: list[tuple[int, int]] = []
    train_baseline(settings, [opened], tmp_path / "run", on_step=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 2), (2, 2)]
    run = open_run(tmp_path / "run")
    assert run.kind == "baseline"
    assert run.finished
    (record,) = run.epochs
    assert record.losses["loss"] > 0
    assert set(record.scores) >= {"mAP50", "carton mAP50"}
    assert ("masks mAP50" in record.scores) == kind.gives_masks
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "<h2>By epoch</h2>" in page
    assert "gradient norm by epoch" in page
    assert "<h2>Confusion</h2>" in page
    assert f"--kind {kind.value}" in page
    assert list((tmp_path / "run" / "tensorboard").glob("*tfevents*"))
    teacher = run_teacher(tmp_path / "run", 0.02)
    picture = read_picture(opened.pictures("val")[0])
    found = teacher.detect(picture)
    assert (found.score >= 0.02).all()
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= 64).all()
    assert (found.masks is not None) == kind.gives_masks
    again = run_teacher(tmp_path / "run", 0.02).detect(picture)
    np.testing.assert_array_equal(found.xyxy, again.xyxy)
    done = CliRunner().invoke(app, ["export", str(tmp_path / "run"), str(tmp_path / "export")])
    assert isinstance(done.exception, EdgekitError)
    assert "no model for a box" in str(done.exception)


@pytest.mark.parametrize("kind", list(Kind))
def test_no_head_begins_with_a_loss_that_takes_a_training_to_come_down_from(kind: Kind):
    torch.manual_seed(0)
    baseline = create_baseline(kind, 3, 192)
    baseline.module.train()
    box, mask = torch.tensor([[40.0, 50.0, 120.0, 130.0]]), torch.zeros((1, 192, 192), dtype=torch.bool)
    mask[0, 50:130, 40:120] = True
    objects = Objects(box, torch.tensor([1]), torch.ones(1), mask)
    loss = float(baseline.loss(torch.rand(2, 3, 192, 192), [objects, objects]).detach())
    assert 0 < loss < 40  # an SSD's was 166 in the mean of a first epoch


def test_a_segmenter_that_has_learnt_finds_the_squares(make_set: MakeSet, tmp_path: Path):
    opened = with_polygons(make_set("a", ("carton",), 0, pictures=8))
    settings = BaselineSettings(kind=Kind.UNET, input_px=64, epochs=12, batch=4, learning_rate=0.003)
    train_baseline(settings, [opened], tmp_path / "run")
    best = open_run(tmp_path / "run").best
    assert best is not None
    assert best.scores["mAP50"] > 0.5
    assert best.scores["masks mAP50"] > 0.5


def test_sets_that_label_different_classes_are_refused(make_set: MakeSet, tmp_path: Path):
    sets = [make_set("a", ("carton",), 0), make_set("b", ("barcode",), 1)]
    with pytest.raises(EdgekitError, match="labels other classes than"):
        train_baseline(BaselineSettings(kind=Kind.SSD, input_px=64), sets, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_mask_r_cnn_is_not_taught_by_boxes(make_set: MakeSet, tmp_path: Path):
    settings = BaselineSettings(kind=Kind.MASK_RCNN, input_px=64, epochs=1)
    with pytest.raises(EdgekitError, match="has a box, but no outline"):
        train_baseline(settings, [make_set("a", ("carton",), 0)], tmp_path / "run")


def test_a_strangers_checkpoint_is_not_run(make_set: MakeSet, tmp_path: Path):
    opened = make_set("a", ("carton",), 0, pictures=2)
    settings = BaselineSettings(kind=Kind.DEEPLABV3PLUS, input_px=64, epochs=1, batch=2)
    train_baseline(settings, [opened], tmp_path / "run")
    torch.save({"weights": Path("x")}, tmp_path / "run" / BEST)
    with pytest.raises(EdgekitError, match=r"cannot be read safely .* nothing in it was run"):
        run_teacher(tmp_path / "run", 0.5)
    torch.save({"weights": torch.zeros(1)}, tmp_path / "run" / BEST)
    with pytest.raises(EdgekitError, match="is not of this run"):
        run_teacher(tmp_path / "run", 0.5)


class BrokenOffError(Exception):
    """Ends a training between two epochs, as a kill does."""


def break_off(record: EpochRecord) -> None:
    raise BrokenOffError(record.epoch)


@pytest.mark.parametrize("kind", [Kind.UNET, Kind.FASTER_RCNN])
def test_a_run_that_was_broken_off_ends_as_one_that_was_not(kind: Kind, make_set: MakeSet, tmp_path: Path):
    opened = with_polygons(make_set("a", ("carton",), 0, pictures=4))
    settings = BaselineSettings(kind=kind, input_px=64, epochs=2, batch=2)
    train_baseline(settings, [opened], tmp_path / "whole")
    with pytest.raises(BrokenOffError):
        train_baseline(settings, [opened], tmp_path / "run", on_epoch=break_off)
    steps: list[tuple[int, int]] = []
    train_baseline(
        settings, [opened], tmp_path / "run", resume=True, on_step=lambda done, total: steps.append((done, total))
    )
    assert steps == [(3, 4), (4, 4)]
    for one, other in zip(open_run(tmp_path / "whole").epochs, open_run(tmp_path / "run").epochs, strict=True):
        assert one == other
    ended = [torch.load(tmp_path / run / LAST, weights_only=True)["weights"] for run in ("whole", "run")]
    assert all(torch.equal(ended[0][name], ended[1][name]) for name in ended[0])


def test_what_cannot_go_on_is_told(make_set: MakeSet, tmp_path: Path):
    opened = make_set("a", ("carton",), 0, pictures=2)
    settings = BaselineSettings(kind=Kind.UNET, input_px=64, epochs=1, batch=2)
    with pytest.raises(EdgekitError, match="nothing to resume"):
        train_baseline(settings, [opened], tmp_path / "run", resume=True)
    train_baseline(settings, [opened], tmp_path / "run")
    with pytest.raises(EdgekitError, match="go on with it by --resume"):
        train_baseline(settings, [opened], tmp_path / "run")
    with pytest.raises(EdgekitError, match="was begun with epochs 1"):
        train_baseline(settings.model_copy(update={"epochs": 2}), [opened], tmp_path / "run", resume=True)
    torch.save({"weights": {}}, tmp_path / "run" / LAST)
    with pytest.raises(EdgekitError, match="is not of this run"):
        train_baseline(settings, [opened], tmp_path / "run", resume=True)


def test_a_picture_that_rots_in_training_stops_it_or_is_left_out_and_counted(make_set: MakeSet, tmp_path: Path):
    opened = make_set("a", ("carton",), 0, pictures=4)
    settings = BaselineSettings(kind=Kind.UNET, input_px=64, epochs=2, batch=2)
    victim = opened.pictures("train")[0]
    whole = victim.read_bytes()

    def rot(_record: EpochRecord) -> None:
        victim.write_bytes(whole[:100])

    with pytest.raises(EdgekitError, match=rf"{victim.name} cannot be read as a picture; .*--skip-bad"):
        train_baseline(settings, [opened], tmp_path / "strict", on_epoch=rot)
    assert (tmp_path / "strict" / LAST).exists()
    victim.write_bytes(whole)
    train_baseline(settings, [opened], tmp_path / "lenient", skip_bad=True, on_epoch=rot)
    last = open_run(tmp_path / "lenient").epochs[-1]
    assert isinstance(last, EpochRecord)
    assert last.epoch == 2
    assert last.unread == (victim.name,)


def test_bad_rows_are_refused_or_left_out_and_recorded(make_set: MakeSet, tmp_path: Path):
    opened = make_set("a", ("carton",), 0, pictures=4)
    settings = BaselineSettings(kind=Kind.UNET, input_px=64, epochs=1, batch=2)
    (opened.folder / "labels" / "train" / "stray.txt").write_text("", "utf-8")
    opened.label_file(opened.pictures("train")[1]).write_text("7 0.5 0.5 0.2 0.2\n", "utf-8")
    with pytest.raises(EdgekitError, match="class 7 does not exist"):
        train_baseline(settings, [opened], tmp_path / "strict")
    assert not (tmp_path / "strict").exists()
    train_baseline(settings, [opened], tmp_path / "lenient", skip_bad=True)
    skipped = read_baseline_config(tmp_path / "lenient").skipped
    assert len(skipped) == 2
    assert any("stray.txt has no picture" in fault for fault in skipped)


def test_the_command_tells_each_epoch_and_the_report_as_json(make_set: MakeSet, tmp_path: Path):
    opened = make_set("a", ("carton",), 0, pictures=2)
    words = f"baseline {tmp_path / 'run'} --set {opened.folder} --kind unet --input-px 64 --epochs 1 --batch 2 --json"
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code == 0, done.output
    epoch, end = (json.loads(line) for line in done.stdout.splitlines())
    assert epoch["epoch"] == 1
    assert Path(end["report"]).is_file()
    assert end["best"]["epoch"] == 1
    listed = CliRunner().invoke(runs_app, ["list", str(tmp_path)])
    assert "unet" in listed.stdout
    again = CliRunner().invoke(runs_app, ["report", str(tmp_path / "run")])
    assert again.exit_code == 0, again.output

"""Every baseline learns, finds, is scored by the kit's scorer and teaches; none can be exported to a box."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from edge.model.picture import read_picture
from train.baselines.settings import BaselineSettings, Kind
from train.baselines.training import BEST, train_baseline
from train.cli import app
from train.runs import open_run
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
    with pytest.raises(EdgekitError, match="has boxes without outlines"):
        train_baseline(settings, [make_set("a", ("carton",), 0)], tmp_path / "run")


def test_a_strangers_checkpoint_is_not_run(make_set: MakeSet, tmp_path: Path):
    opened = make_set("a", ("carton",), 0, pictures=2)
    settings = BaselineSettings(kind=Kind.DEEPLABV3PLUS, input_px=64, epochs=1, batch=2)
    train_baseline(settings, [opened], tmp_path / "run")
    torch.save({"weights": Path("x")}, tmp_path / "run" / BEST)
    with pytest.raises(EdgekitError, match="is no checkpoint of this run"):
        run_teacher(tmp_path / "run", 0.5)

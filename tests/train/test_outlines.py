"""Models that tell outlines: trained from outlines and a detector's weights, scored by class, else refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ultralytics.nn.tasks import SegmentationModel

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from train import yolo_models as yolo
from train.detector import TrainSettings, train_detector
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.outline_heads import tells_outlines, with_outlines
from train.yolo_models import model_yaml
from train.yolo_outlines import OutlineTrainer

MakeSet = Callable[..., DetectionSet]


def with_polygons(opened: DetectionSet) -> DetectionSet:
    """Label a set by outlines: diamonds in the place of its boxes."""
    for path in opened.folder.glob("labels/*/*.txt"):
        rows: list[str] = []
        for row in path.read_text("utf-8").splitlines():
            class_id, *numbers = row.split()
            x, y, width, height = map(float, numbers)
            corners = [(x, y - height / 2), (x + width / 2, y), (x, y + height / 2), (x - width / 2, y)]
            rows.append(" ".join([class_id, *(f"{value}" for corner in corners for value in corner)]))
        path.write_text("\n".join(rows) + "\n", "utf-8")
    return open_set(opened.folder)


def settings(weights: Path, **changes: object) -> TrainSettings:
    return TrainSettings.model_validate(
        {
            "weights": weights,
            "input_px": 64,
            "epochs": 1,
            "batch": 4,
            "freeze": 0,
            "plain_epochs": 0,
            "outlines": True,
            **changes,
        }
    )


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """Return a checkpoint of a detector with random weights."""
    torch.manual_seed(0)
    model: Any = yolo.load(model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml"))
    path = tmp_path / "detector.pt"
    model.save(path)
    return path


@pytest.mark.parametrize("name", ["yolov8n", "yolo26n"])
def test_a_head_for_outlines_takes_over_every_weight_of_a_detector(name: str, tmp_path: Path):
    torch.manual_seed(0)
    plain: Any = yolo.load(model_yaml(name, 3, tmp_path / f"{name}.yaml")).model
    description: Any = with_outlines(plain.yaml)
    outlined: Any = SegmentationModel(description, nc=3, verbose=False)
    outlined.load(plain, verbose=False)
    taken, given = outlined.state_dict(), plain.state_dict()
    assert tells_outlines(outlined.yaml)
    assert all(torch.equal(taken[key], value) for key, value in given.items())
    fresh = {key.split(".")[2] for key in taken.keys() - given.keys()}
    assert {"proto", "cv4"} <= fresh <= {"proto", "cv4", "one2one_cv4"}


def test_outlines_are_learnt_from_a_detector_and_scored_by_class(make_set: MakeSet, tmp_path: Path):
    torch.manual_seed(0)
    model: Any = yolo.load(model_yaml("yolo26n", 3, tmp_path / "yolo26n.yaml"))  # has two assignments, each with masks
    model.save(tmp_path / "detector.pt")
    sets = [with_polygons(make_set("cartons", ("carton",), 0)), with_polygons(make_set("codes", ("barcode", "qr"), 1))]
    best = train_detector(settings(tmp_path / "detector.pt"), sets, tmp_path / "run")
    (record,) = EpochRecords(tmp_path / "run" / METRICS, EpochRecord).read()
    assert set(record.mask_ap50) == {"carton", "barcode"}
    assert any("seg" in name for name in record.losses)
    assert next(iter(record.scores)) == "boxes and masks mAP50-95"
    assert tells_outlines(yolo.load(best).model.yaml)
    report = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "masks mAP50" in report


def test_a_code_on_a_carton_cuts_no_hole_into_the_cartons_mask(
    make_set: MakeSet, detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened = with_polygons(make_set("a", ("carton", "barcode", "qr"), 0, pictures=4))
    for path in opened.folder.glob("labels/*/*.txt"):
        path.write_text("0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n1 0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6\n", "utf-8")
    filled: list[float] = []
    stock = OutlineTrainer.preprocess_batch

    def look(trainer: Any, batch: dict[str, Any]) -> dict[str, Any]:
        cartons = batch["masks"][batch["cls"].flatten() == 0].float().flatten(1).mean(1)
        filled.extend(cartons.tolist())
        return stock(trainer, batch)

    monkeypatch.setattr(OutlineTrainer, "preprocess_batch", look)
    plain = {"mosaic": 0.0, "scale": 0.0, "shift": 0.0, "flip": 0.0}
    train_detector(settings(detector, **plain), [opened], tmp_path / "run")
    assert filled
    assert min(filled) > 0.6  # 0.64 of the picture; 0.60 with a hole


def test_boxes_alone_are_refused_where_outlines_are_to_be_learnt(make_set: MakeSet, detector: Path, tmp_path: Path):
    with pytest.raises(EdgekitError, match="has a box, but no outline"):
        train_detector(settings(detector), [make_set("a", ("carton",), 0)], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_of_outlines_is_not_trained_on_boxes_without_a_word(make_set: MakeSet, tmp_path: Path):
    model: Any = yolo.load(model_yaml("yolov8n-seg", 3, tmp_path / "yolov8n-seg.yaml"))
    model.save(tmp_path / "seg.pt")
    with pytest.raises(EdgekitError, match="train it with --outlines"):
        train_detector(settings(tmp_path / "seg.pt", outlines=False), [make_set("a", ("carton",), 0)], tmp_path / "run")


def test_boxes_are_learnt_from_outlines_as_before(make_set: MakeSet, detector: Path, tmp_path: Path):
    opened = with_polygons(make_set("a", ("carton",), 0, pictures=4))
    train_detector(settings(detector, outlines=False), [opened], tmp_path / "run")
    (label, *_) = (tmp_path / "run" / "build" / "labels" / "train" / "a").iterdir()
    assert len(label.read_text("utf-8").split()) == 5
    assert np.isfinite([float(word) for word in label.read_text("utf-8").split()]).all()

"""What a training sees and validates is what the runtime will show the network, square or not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from edge.model.geometry import Bgr, Letterbox
from edge.model.picture import read_picture
from train import yolo_trainer
from train.detector import TrainSettings, train_detector
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.export import export_run
from train.fitted_pictures import FittedDataset, UnreadPictures
from train.yolo_models import model_yaml

MakeSet = Callable[..., DetectionSet]


def settings(tmp_path: Path, **changes: object) -> TrainSettings:
    weights = model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml")
    return TrainSettings.model_validate(
        {"weights": weights, "input_px": 64, "epochs": 1, "batch": 4, "freeze": 0, "plain_epochs": 0, **changes}
    )


def reshape(opened: DetectionSet, width: int, height: int) -> None:
    """Draw a set's pictures out to another shape; labels are shares of the picture, and stay what they are."""
    for path in opened.folder.glob("images/*/*"):
        cv2.imwrite(str(path), cv2.resize(read_picture(path), (width, height)))


def test_a_validation_picture_is_to_the_pixel_what_the_runtime_lays_into_the_input(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened = make_set("a", ("carton",), 0, pictures=4)
    reshape(opened, 91, 70)
    trained: set[tuple[int, ...]] = set()
    validated: dict[str, Any] = {}
    stock_train, stock_val = yolo_trainer.PartialTrainer.preprocess_batch, yolo_trainer.PartialValidator.preprocess

    def train_look(trainer: Any, batch: dict[str, Any]) -> dict[str, Any]:
        trained.add(tuple(batch["img"].shape[1:]))
        return stock_train(trainer, batch)

    def val_look(validator: Any, batch: dict[str, Any]) -> dict[str, Any]:
        validated.update(zip(batch["im_file"], batch["img"].numpy().copy(), strict=True))
        return stock_val(validator, batch)

    monkeypatch.setattr(yolo_trainer.PartialTrainer, "preprocess_batch", train_look)
    monkeypatch.setattr(yolo_trainer.PartialValidator, "preprocess", val_look)
    train_detector(settings(tmp_path, input_px=96, input_height_px=64, mixup=0.5), [opened], tmp_path / "run")
    assert trained == {(3, 64, 96)}
    assert len(validated) == 4
    for file, seen in validated.items():
        picture = read_picture(Path(file))
        expected = np.empty((64, 96, 3), np.uint8)
        Letterbox.fit(91, 70, 96, 64).draw(Bgr(picture), expected)
        np.testing.assert_array_equal(seen, expected[:, :, ::-1].transpose(2, 0, 1))
    record = export_run(tmp_path / "run", tmp_path / "export")
    assert (record.input.height, record.input.width) == (64, 96)


def read_when_needed(dataset: FittedDataset) -> bool:
    """Keep no picture in memory."""
    dataset.cache = None
    return False


def lose(picture: Path) -> None:
    """Tear a picture off in the middle, as a broken disk does."""
    target = picture.resolve()
    target.write_bytes(target.read_bytes()[:40])


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_picture_that_is_torn_in_the_middle_of_an_epoch_is_one_clear_error_or_left_out_and_counted(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, skip_bad: bool
):
    opened = make_set("a", ("carton",), 0, pictures=8)
    # As on a machine whose memory does not hold all pictures: they are read when they are needed.
    monkeypatch.setattr(FittedDataset, "check_cache_ram", read_when_needed)
    torn = opened.pictures("train")[3]
    stock = yolo_trainer.PartialTrainer.preprocess_batch

    def tear(trainer: Any, batch: dict[str, Any]) -> dict[str, Any]:
        if torn.stat().st_size > 40:
            lose(torn)
        return stock(trainer, batch)

    monkeypatch.setattr(yolo_trainer.PartialTrainer, "preprocess_batch", tear)
    wanted = settings(tmp_path, epochs=2)
    if not skip_bad:
        with pytest.raises(EdgekitError, match=r"a-3\.png.*could be read when the training began"):
            train_detector(wanted, [opened], tmp_path / "run")
        return
    train_detector(wanted, [opened], tmp_path / "run", skip_bad=True)
    last = EpochRecords(tmp_path / "run" / METRICS, EpochRecord).read()[-1]
    assert last.epoch == 2
    assert [Path(name).name for name in last.unread] == ["a-3.png"]


def test_an_unread_picture_is_taken_down_once():
    unread = UnreadPictures(skip_bad=True)
    unread.note("a.png", EdgekitError("torn"))
    unread.note("a.png", EdgekitError("torn"))
    assert unread.reasons == {"a.png": "torn"}
    with pytest.raises(EdgekitError, match="torn; it could be read"):
        UnreadPictures(skip_bad=False).note("a.png", EdgekitError("torn"))


def test_dropout_acts_in_training_and_is_not_in_the_checkpoint(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hooks: list[int] = []
    stock = yolo_trainer.PartialTrainer.optimizer_step

    def look(trainer: Any) -> None:
        hooks.append(sum(len(module._forward_pre_hooks) for module in trainer.model.modules()))
        stock(trainer)

    monkeypatch.setattr(yolo_trainer.PartialTrainer, "optimizer_step", look)
    best = train_detector(settings(tmp_path, dropout=0.5), [make_set("a", ("carton",), 0)], tmp_path / "run")
    assert set(hooks) == {3}  # one for each of the three grids
    from train.yolo_models import load  # noqa: PLC0415

    assert not any(module._forward_pre_hooks for module in load(best).model.modules())

"""Each option of a detector's training has its effect, and is more than accepted."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from edge.evaluate.dataset import DetectionSet
from train import yolo_trainer
from train.balance import picture_weights
from train.cli import app
from train.detector import RunConfig, TrainSettings, read_config, train_detector
from train.disturbance import Disturbance
from train.epochs import EpochRecord
from train.half_precision import FullPrecisionCriterion
from train.run_folders import CONFIG
from train.schedules import share_by_epoch
from train.settings import Optimiser, Schedule, trainer_options
from train.yolo_models import model_yaml

MakeSet = Callable[..., DetectionSet]


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        (Schedule.FIXED, [1, 1, 1]),
        (Schedule.LINEAR, [1, 0.505, 0.01]),
        (Schedule.EXPONENTIAL, [1, 0.1, 0.01]),
        (Schedule.COSINE, [1, 0.505, 0.01]),
    ],
)
def test_a_schedule_falls_from_the_highest_learning_rate_to_its_final_share(schedule: Schedule, shares: list[float]):
    share = share_by_epoch(schedule, 0.01, 8)
    assert [share(done) for done in (0, 4, 8)] == pytest.approx(shares)
    quarter = {Schedule.FIXED: 1.0, Schedule.LINEAR: 0.7525, Schedule.EXPONENTIAL: 0.01**0.25, Schedule.COSINE: 0.855}
    assert share(2) == pytest.approx(quarter[schedule], abs=1e-3)


def test_rare_classes_are_drawn_as_often_as_common_ones():
    weights = picture_weights([{0}] * 8 + [{1}] * 2, 1.0)
    assert weights[:8].sum() == pytest.approx(weights[8:].sum())
    assert weights.mean() == pytest.approx(1)
    assert picture_weights([{0}] * 8 + [{1}] * 2, 0.0) == pytest.approx(np.ones(10))


def test_a_picture_counts_by_its_rarest_class_and_background_as_little_as_the_commonest():
    common, both, rare, background = picture_weights([{0}, {0, 1}, {1}, set()], 1.0)[[0, 1, 2, 3]]
    assert both == rare == common  # both stand in two pictures
    weights = picture_weights([{0}, {0}, {0, 1}, set()], 1.0)
    assert weights[2] == pytest.approx(3 * weights[0])
    assert weights[3] == weights[0]
    assert background == common
    assert picture_weights([set(), set()], 1.0) == pytest.approx(np.ones(2))


def test_noise_changes_pixels_by_as_much_as_asked_for_and_blur_smooths_them():
    np.random.seed(0)  # noqa: NPY002 - the state that the trainer seeds
    grey = np.full((64, 64, 3), 128, np.uint8)
    spread = [float(Disturbance(20, 0).disturbed(grey).std()) for _ in range(50)]
    assert 15 < max(spread) < 21
    assert min(spread) < 5
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert min(float(Disturbance(0, 2).disturbed(noisy).std()) for _ in range(50)) < 0.3 * noisy.std()
    assert np.array_equal(Disturbance(0, 0).disturbed(noisy), noisy)


@pytest.mark.parametrize("wanted", list(Optimiser))
def test_the_optimiser_asked_for_moves_the_weights(wanted: Optimiser):
    settings = TrainSettings(weights=Path("a.yaml"), optimiser=wanted, learning_rate=0.02, weight_decay=0.03)
    options = trainer_options(settings)
    trainer: Any = object.__new__(yolo_trainer.PartialTrainer)
    first = torch.nn.Conv2d(3, 4, 3)
    net = torch.nn.Sequential(first, torch.nn.BatchNorm2d(4))
    made: Any = trainer.build_optimizer(
        model=net,
        name=options["optimizer"],
        lr=options["lr0"],
        momentum=options["momentum"],
        decay=options["weight_decay"],
        iterations=10,
    )
    expected = {
        Optimiser.SGD: torch.optim.SGD,
        Optimiser.ADAM: torch.optim.Adam,
        Optimiser.ADAMW: torch.optim.AdamW,
        Optimiser.ADADELTA: torch.optim.Adadelta,
        Optimiser.ADAGRAD: torch.optim.Adagrad,
    }
    assert type(made) is expected[wanted]
    assert {group["param_group"]: group["weight_decay"] for group in made.param_groups} == {
        "weight": 0.03,
        "bn": 0.0,
        "bias": 0.0,
    }
    assert all(group["lr"] == 0.02 for group in made.param_groups)
    assert sum(len(group["params"]) for group in made.param_groups) == 4
    if wanted is Optimiser.SGD:
        assert made.param_groups[0]["momentum"] == 0.9
    if wanted in (Optimiser.ADAM, Optimiser.ADAMW):
        assert made.param_groups[0]["betas"][0] == 0.937
    before = first.weight.detach().clone()
    first(torch.ones(1, 3, 8, 8)).square().sum().backward()
    made.step()
    assert not torch.equal(before, first.weight)


def test_settings_reach_the_trainer_and_the_pictures_it_draws(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[dict[str, Any]] = []
    lost_in: set[torch.dtype] = set()
    computed: set[torch.dtype] = set()

    class Spied(yolo_trainer.MaskedBCEWithLogits):
        def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            lost_in.add(logits.dtype)
            return super().forward(logits, targets)

    loss = FullPrecisionCriterion.__call__

    def spied_loss(criterion: FullPrecisionCriterion, predictions: Any, batch: Any) -> Any:
        computed.add(predictions["boxes"].dtype)
        return loss(criterion, predictions, batch)

    stock = yolo_trainer.PartialTrainer.epoch_metrics

    def look(trainer: Any) -> Any:
        dataset = trainer.train_loader.dataset
        sampler = trainer.train_loader.batch_sampler.sampler.sampler
        shown = [int(dataset.labels[index]["cls"][0, 0]) for _ in range(30) for index in sampler]
        (affine,) = [each for each in dataset.transforms[0].transforms if type(each).__name__ == "RandomPerspective"]
        seen.append(
            {
                "optimiser": type(trainer.optimizer).__name__,
                "accumulate": trainer.accumulate,
                "nesterov momentum": trainer.optimizer.param_groups[0]["momentum"],
                "classes drawn": Counter(shown),
                "steps": [type(each).__name__ for each in dataset.transforms.transforms],
                "mosaic": dataset.transforms[0].transforms[0].p,
                "shift": affine.translate,
                "weights": trainer.model.class_weights.tolist(),
                "average": trainer.ema.decay(1000),
            }
        )
        return stock(trainer)

    monkeypatch.setattr(yolo_trainer, "MaskedBCEWithLogits", Spied)
    monkeypatch.setattr(FullPrecisionCriterion, "__call__", spied_loss)
    monkeypatch.setattr(yolo_trainer.PartialTrainer, "epoch_metrics", look)
    changes: dict[str, object] = {
        "optimiser": "sgd",
        "schedule": "linear",
        "effective_batch": 8,
        "warmup_epochs": 0,
        "shift": 0.3,
        "noise": 9.0,
        "balanced_sampling": 1.0,
        "class_weights": 1.0,
        "averaged_moves": 50,
        "precision": "bf16",
        "plain_epochs": 1,
    }
    weights = model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml")
    settings = TrainSettings.model_validate(
        {"weights": weights, "input_px": 64, "epochs": 2, "batch": 4, "freeze": 0, **changes}
    )
    sets = [make_set("cartons", ("carton",), 0, pictures=8), make_set("codes", ("barcode", "qr"), 1, pictures=2)]
    rates: list[float] = []

    def remember(record: EpochRecord) -> None:
        rates.append(record.learning_rate)

    run = tmp_path / "run"
    train_detector(settings, sets, run, on_epoch=remember)
    first, second = seen
    assert first["optimiser"] == "SGD"
    assert first["accumulate"] == 2
    assert first["nesterov momentum"] == 0.9
    assert rates == pytest.approx([0.001, 0.000505])
    assert 0.35 < first["classes drawn"][1] / first["classes drawn"].total() < 0.65  # two pictures of ten
    assert (first["mosaic"], second["mosaic"]) == (1.0, 0.0)
    for each in (first, second):  # the transforms are built anew when mosaic ends
        assert each["steps"][-2:] == ["Disturbance", "Format"]
        assert each["shift"] == 0.3
    carton, barcode, _ = first["weights"]
    assert barcode / carton == pytest.approx(4)
    assert computed == {torch.bfloat16}
    assert lost_in == {torch.float32}
    assert first["average"] == 0.98
    told = read_config(run).command
    assert "--optimiser sgd" in told
    assert "--noise 9.0" in told
    assert "--momentum" not in told


@pytest.mark.parametrize("optimiser", [Optimiser.ADAMW, Optimiser.SGD])
def test_nothing_moves_faster_than_the_learning_rate_while_a_run_warms_up(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimiser: Optimiser
):
    rates: list[float] = []
    stock = yolo_trainer.PartialTrainer.optimizer_step

    def step(trainer: Any) -> None:
        rates.extend(group["lr"] for group in trainer.optimizer.param_groups)
        stock(trainer)

    monkeypatch.setattr(yolo_trainer.PartialTrainer, "optimizer_step", step)
    settings = TrainSettings(
        weights=model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml"),
        input_px=64,
        epochs=2,
        batch=2,
        effective_batch=2,
        freeze=0,
        optimiser=optimiser,
        learning_rate=0.002,
        warmup_epochs=1,
    )
    train_detector(settings, [make_set("cartons", ("carton",), 0, pictures=8)], tmp_path / "run")
    assert rates[0] < max(rates) <= 0.002


def test_a_run_without_better_scores_ends_early_also_when_it_was_broken_off_before(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stock, fitness = yolo_trainer.PartialTrainer.validate, [0.5, 0.4, 0.6]

    def worse(trainer: Any) -> tuple[Any, float]:
        metrics, _ = stock(trainer)
        reached = fitness[trainer.epoch]
        trainer.best_fitness = max(trainer.best_fitness or 0.0, reached)
        return metrics, reached

    monkeypatch.setattr(yolo_trainer.PartialTrainer, "validate", worse)
    weights = model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml")
    settings = TrainSettings(
        weights=weights, input_px=64, epochs=3, batch=4, freeze=0, plain_epochs=0, patience=1, effective_batch=4
    )
    opened, seen = make_set("cartons", ("carton",), 0, pictures=4), list[int]()

    def break_off(record: EpochRecord) -> None:
        seen.append(record.epoch)
        if record.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_detector(settings, [opened], tmp_path / "run", on_epoch=break_off)
    train_detector(settings, [opened], tmp_path / "run", resume=True, on_epoch=break_off)
    assert seen == [1, 2]


def test_a_run_of_before_these_options_can_still_be_read(tmp_path: Path):
    old = {"weights": "a.pt", "input_px": 416, "epochs": 8, "batch": 16, "learning_rate": 0.001, "freeze": 4}
    old |= {"scale": 0.6, "degrees": 0.0, "plain_epochs": 2, "most_pictures": None, "masked": True, "seed": 0}
    record = {"settings": old, "sets": [], "skipped": [], "learnt_from": []}
    (tmp_path / CONFIG).write_text(json.dumps(record), encoding="utf-8")
    assert read_config(tmp_path).settings == TrainSettings(weights=Path("a.pt"))


def test_every_setting_is_an_option_and_the_command_of_a_run_names_those_that_were_changed():
    names = [name for name in TrainSettings.model_fields if name != "masked"]
    told = CliRunner().invoke(app, ["detector", "--help"], env={"COLUMNS": "200"}).stdout
    assert [name for name in names if f"--{name.replace('_', '-')} " not in told] == []
    settings = TrainSettings(weights=Path("w/a.pt"), schedule=Schedule.FIXED, masked=False, blur=1.5)
    config = RunConfig(settings=settings, sets=(), skipped=(), learnt_from=())
    start, *options = config.command.split(" --")
    assert start == "edgekit train detector OUT"
    assert sorted(options) == ["blur 1.5", "naive", "schedule fixed", "weights a.pt"]

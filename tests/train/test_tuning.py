"""A search tries settings on val, gives up bad ones, goes on where it was broken off, and ends in a recipe."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from train import tuning
from train.cli import app
from train.detector import read_config
from train.diverged import DivergedError
from train.epochs import EpochRecord
from train.recipes import read_recipe
from train.settings import TrainSettings
from train.tuning import STORE, Search, tune
from train.yolo_models import model_yaml

MakeSet = Callable[..., DetectionSet]


def fixed(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    return {"weights": tmp_path / "yolov8n.yaml", "epochs": 3, "input_px": 64, "batch": 4, **changes}


class Reaching:
    """Stands for the training, which has tests of its own: reaches more the nearer its learning rate is to 0.001."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried: list[TrainSettings] = []
        self.epochs: list[int] = []
        monkeypatch.setattr(tuning, "train_detector", self)

    def __call__(
        self,
        settings: TrainSettings,
        _sets: object,
        out: Path,
        on_epoch: Callable[[EpochRecord], None],
        on_step: Callable[[int, int], None],
    ) -> None:
        del on_step
        self.tried.append(settings)
        self.epochs.append(0)
        (out / "weights").mkdir(parents=True)
        if settings.learning_rate > 0.004:
            raise DivergedError("the loss became NaN")
        for epoch in range(1, settings.epochs + 1):
            self.epochs[-1] = epoch
            score = epoch / 10 - abs(settings.learning_rate - 0.001) * 50
            on_epoch(EpochRecord(epoch=epoch, losses={}, learning_rate=0.1, ap50={"a": score}, ap={"a": score}))


def test_the_recipe_is_the_best_trials_and_bad_ones_are_given_up_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reaching = Reaching(monkeypatch)
    told: list[tuple[int, float | None]] = []
    search = Search(fixed(tmp_path, mosaic=0.25), hours=1, most_trials=20)
    recipe = read_recipe(
        tune(search, [], tmp_path / "out", on_trial=lambda number, score: told.append((number, score)))
    )
    scores = [score for _, score in told if score is not None]
    assert len(told) == 20
    assert recipe.reached == max(scores)
    assert recipe.trials == len(scores)
    best = max(reaching.tried, key=lambda tried: -abs(tried.learning_rate - 0.001))
    assert recipe.settings["learning_rate"] == best.learning_rate
    assert {tried.mosaic for tried in reaching.tried} == {0.25} == {recipe.settings["mosaic"]}
    assert len({tried.dropout for tried in reaching.tried}) > 10
    assert 1 < min(epochs for epochs in reaching.epochs if epochs) < 3  # given up after their second epoch
    assert not list((tmp_path / "out").rglob("weights"))
    assert "weights" not in recipe.settings
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert f"{len(scores)} came to their end, {20 - len(scores)} were given up" in page
    assert "score by epoch" in page
    assert "learning rate by epoch" in page


def test_a_search_goes_on_with_what_was_broken_off_and_draws_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    reaching = Reaching(monkeypatch)
    search = Search(fixed(tmp_path), hours=1, most_trials=3)
    tune(search, [], tmp_path / "out")
    storage = f"sqlite:///{tmp_path / 'out' / STORE}"
    study = optuna.load_study(study_name="detector", storage=storage)
    killed = study.ask()
    killed.suggest_float("learning_rate", 2e-4, 5e-3, log=True)  # killed in the middle of it
    recipe = read_recipe(tune(search, [], tmp_path / "out"))
    states = [trial.state for trial in optuna.load_study(study_name="detector", storage=storage).trials]
    assert states.count(TrialState.FAIL) == 1
    assert TrialState.RUNNING not in states
    rates = [tried.learning_rate for tried in reaching.tried]
    assert rates[3] == killed.params["learning_rate"]
    assert len(set(rates)) == len(rates) == 6
    assert recipe.trials <= 6


def test_the_time_ends_a_search_after_the_epoch_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reaching = Reaching(monkeypatch)
    times = iter([0.0, 0.0, 4000.0, *[4000.0] * 50])
    with pytest.raises(EdgekitError, match="no trial came to its end in 1 hours"):
        tune(Search(fixed(tmp_path), hours=1), [], tmp_path / "out", clock=lambda: next(times))
    assert reaching.epochs in ([1], [0])


def test_a_real_search_ends_in_a_recipe_that_a_training_takes(make_set: MakeSet, tmp_path: Path):
    opened = make_set("a", ("carton",), 0, pictures=4)
    weights = model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml")
    common = ["--set", str(opened.folder), "--weights", str(weights)]
    small = ["--epochs", "1", "--input-px", "64", "--batch", "4", "--plain-epochs", "0"]
    done = CliRunner().invoke(
        app,
        ["tune", str(tmp_path / "search"), *common, *small, "--hours", "1", "--trials", "1"],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    assert "trial 0: mAP50-95" in done.stdout
    recipe = tmp_path / "search" / "recipe.json"
    run = tmp_path / "run"
    done = CliRunner().invoke(
        app, ["detector", str(run), *common, "--recipe", str(recipe), "--dropout", "0.125"], catch_exceptions=False
    )
    assert done.exit_code == 0
    used, found = read_config(run).settings, read_recipe(recipe).settings
    assert used.learning_rate == found["learning_rate"]
    assert (used.epochs, used.input_px) == (1, 64)
    assert used.dropout == 0.125  # what is given beside a recipe comes before it


def test_a_recipe_with_an_unknown_setting_is_refused(tmp_path: Path):
    path = tmp_path / "recipe.json"
    path.write_text('{"settings": {"speed": 9}, "reached": 0.5, "trials": 1}', "utf-8")
    with pytest.raises(EdgekitError, match="there are no settings speed"):
        read_recipe(path)

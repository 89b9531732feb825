"""A search for the settings of a detector's training: each trial is a training of its own, scored on val alone.

The trials lie in the run's `trials.db`, so that a search that was broken off goes on where it was.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import optuna
from optuna.trial import TrialState

from devices.errors import EdgekitError
from devices.validation import checked
from edge.evaluate.dataset import DetectionSet
from train.checkpoints import keep
from train.detector import train_detector
from train.diverged import DivergedError
from train.epochs import EpochRecord
from train.recipes import RECIPE, Recipe
from train.settings import TrainSettings
from train.tuning_report import write_search_report

STORE = "trials.db"
_FIRST_TRIALS = 4  # complete ones, before any is given up for being worse than the middle of them


class Draw(Protocol):
    """Draws a setting for a trial."""

    def __call__(self, trial: optuna.Trial, name: str) -> Any:
        """Return a value."""
        ...


@dataclass(frozen=True, slots=True)
class Between:
    """A number between two bounds, by its logarithm where it may be of any size."""

    low: float
    high: float
    log: bool = False

    def __call__(self, trial: optuna.Trial, name: str) -> float:
        """Return a value."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some values."""

    values: tuple[str | int, ...]

    def __call__(self, trial: optuna.Trial, name: str) -> Any:
        """Return a value."""
        return trial.suggest_categorical(name, list(self.values))


# What moves the score of a fine-tuning, within what was ever found sensible for one.
SPACE: Mapping[str, Draw] = MappingProxyType(
    {
        "learning_rate": Between(2e-4, 5e-3, log=True),
        "weight_decay": Between(1e-5, 1e-2, log=True),
        "schedule": OneOf(("cosine", "linear")),
        "freeze": OneOf((0, 4, 10)),
        "dropout": Between(0.0, 0.3),
        "scale": Between(0.2, 0.8),
        "degrees": Between(0.0, 5.0),
        "brightness": Between(0.2, 0.6),
        "mosaic": Between(0.0, 1.0),
        "mixup": Between(0.0, 0.3),
    }
)


@dataclass(frozen=True, slots=True)
class Search:
    """How long and for what to search.

    Attributes:
        fixed: Settings that every trial has.
        hours: After which no trial begins, and the one at hand ends after its epoch.
        most_trials: None for as many as there is time for.
    """

    fixed: Mapping[str, Any]
    hours: float
    most_trials: int | None = None

    @property
    def space(self) -> Mapping[str, Draw]:
        """What is searched: all of the space but what is fixed."""
        return {name: draw for name, draw in SPACE.items() if name not in self.fixed}


def tune(
    search: Search,
    sets: Sequence[DetectionSet],
    out: Path,
    *,
    on_trial: Callable[[int, float | None], None] = lambda _number, _score: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Search, and return the recipe of the best trial; goes on with an earlier search in the same folder.

    Args:
        search: What for.
        sets: As for a training; their test parts stay closed.
        out: The search's folder.
        on_trial: Called after each trial with its number and score, None where it was given up.
        on_step: Called after each step of a trial with how many of its steps are done, and how many there are at most.
        clock: Monotonic seconds.

    Raises:
        EdgekitError: A trial cannot be trained at all, or no trial came to its end in the time.
    """
    base = checked(TrainSettings, **search.fixed)  # a setting that is not valid is told before anything begins
    out.mkdir(parents=True, exist_ok=True)
    study = _open_study(out, base.seed)
    until = clock() + search.hours * 3600

    def one(trial: optuna.Trial) -> float:
        if clock() >= until:
            study.stop()
            raise optuna.TrialPruned
        drawn = {name: draw(trial, name) for name, draw in search.space.items()}
        settings = base.model_copy(update=_typed(drawn))
        return _train(trial, settings, sets, out, lambda: clock() >= until, on_step)

    def tell(_study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if trial.params or not search.space:
            on_trial(trial.number, trial.value if trial.state is TrialState.COMPLETE else None)
        if clock() >= until:
            study.stop()

    study.optimize(one, n_trials=search.most_trials, callbacks=[tell])
    finished = [trial for trial in study.trials if trial.state is TrialState.COMPLETE]
    if not finished:
        raise EdgekitError(f"no trial came to its end in {search.hours:g} hours: give --hours more, or fewer --epochs")
    return _write(out, study, search, len(finished))


def _open_study(out: Path, seed: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="detector",
        storage=f"sqlite:///{(out / STORE).resolve()}",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_FIRST_TRIALS, n_warmup_steps=2),
        direction="maximize",
        load_if_exists=True,
    )
    # A search that goes on must not draw what it drew before.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        # Broken off with the search that it was of: what it was to try is tried again.
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
        shutil.rmtree(_folder(out, trial.number), ignore_errors=True)
    return study


def _train(
    trial: optuna.Trial,
    settings: TrainSettings,
    sets: Sequence[DetectionSet],
    out: Path,
    is_over: Callable[[], bool],
    on_step: Callable[[int, int], None],
) -> float:
    """Train one trial and return its best epoch's score, or give it up; its checkpoints are not kept."""
    scores: list[float] = []

    def report(record: EpochRecord) -> None:
        scores.append(next(iter(record.scores.values())))
        trial.report(max(scores), record.epoch)
        unfinished = record.epoch < settings.epochs
        if unfinished and (is_over() or trial.should_prune()):
            raise optuna.TrialPruned

    run = _folder(out, trial.number)
    try:
        train_detector(settings, sets, run, on_epoch=report, on_step=on_step)
    except DivergedError as exc:
        raise optuna.TrialPruned(str(exc)) from exc
    finally:
        for bulky in ("weights", "build"):
            shutil.rmtree(run / bulky, ignore_errors=True)
    return max(scores)


def _folder(out: Path, number: int) -> Path:
    return out / "trials" / f"{number:04d}"


def _typed(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return drawn values as the settings hold them, an enumeration's by its member."""
    fields = checked(TrainSettings, weights=Path("unused"), **drawn)
    return {name: getattr(fields, name) for name in drawn}


def _write(out: Path, study: optuna.Study, search: Search, finished: int) -> Path:
    best = study.best_trial
    fixed = checked(TrainSettings, **search.fixed).model_dump(mode="json", include=set(search.fixed) - {"weights"})
    recipe = Recipe(settings={**fixed, **best.params}, reached=float(best.value or 0.0), trials=finished)
    with keep(out / RECIPE) as new:
        new.write_text(recipe.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
    write_search_report(out, study.trials, recipe)
    return out / RECIPE

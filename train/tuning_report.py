"""The report of a search: what each trial tried and came to, on the page that a training's report has."""

import json
from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.trial import TrialState

from train.epoch_figures import EpochFigures
from train.recipes import Recipe
from train.report import REPORT, RunReport, write_report

_MEANING = (
    "Each point is a trial that came to its end, by its number. Scores are on val alone, and the best of many is "
    "flattered by having been chosen. `tensorboard --logdir trials` shows the curves of all."
)


def write_search_report(out: Path, trials: Sequence[optuna.trial.FrozenTrial], recipe: Recipe) -> Path:
    """Write `report.html` into a search's folder and return it.

    Args:
        out: The folder.
        trials: All trials so far.
        recipe: What came of them.

    Raises:
        EdgekitError: It cannot be written.
    """
    finished = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    best = max(finished, key=lambda trial: trial.value or 0.0)
    own = Path("trials") / f"{best.number:04d}" / REPORT
    report = RunReport(
        title=f"Search {out.resolve().name}",
        command="edgekit train tune OUT ..., then edgekit train detector RUN --recipe OUT/recipe.json ...",
        config=json.dumps(recipe.settings, indent=2, default=str),
        facts={
            "trials": f"{len(finished)} came to their end, {len(trials) - len(finished)} were given up or broken off",
            "best trial": f"{best.number}: {recipe.reached:.4f}",
            **{f"its {name.replace('_', ' ')}": str(value) for name, value in best.params.items()},
        },
        epochs=_figures(finished),
        notes=(_MEANING, f"Curves, confusion and worst errors of the best trial stand in {own}."),
    )
    write_report(report, out / REPORT)
    return out / REPORT


def _figures(finished: Sequence[optuna.trial.FrozenTrial]) -> list[EpochFigures]:
    """Return each trial's score and numbers as a page's curves take them."""
    figures: list[EpochFigures] = []
    reached = 0.0
    for trial in finished:
        score = float(trial.value or 0.0)
        reached = max(reached, score)
        numbers = {name: float(value) for name, value in trial.params.items() if isinstance(value, int | float)}
        tried = {name.replace("_", " "): {"tried": value} for name, value in numbers.items()}
        figures.append(EpochFigures(trial.number, {"score": {"trial": score, "best so far": reached}, **tried}))
    return figures

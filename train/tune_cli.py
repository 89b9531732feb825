"""`edgekit train tune`."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.evaluate.dataset import open_set
from train.setting_options import given, with_setting_options
from train.settings import TrainSettings
from train.training_bar import training_bar


def tune(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The search's folder; an earlier search there goes on.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A detection set; may be given several times.")],
    hours: Annotated[float, typer.Option(min=0.0, help="After which no trial begins.")],
    trials: Annotated[int | None, typer.Option(min=1, help="Most trials of this call.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the recipe as JSON.")] = False,
    **chosen: Any,
) -> None:
    """Search for the settings of a detector's training, on val alone; settings that are given stay as they are.

    Example: edgekit train tune searches/first --set sets/warehouse --weights yolov8n.pt --epochs 4 --hours 8
    """
    from train.tuning import SPACE, Search, tune  # noqa: PLC0415 - help must not wait for optuna

    told = sys.stdout

    def tell(number: int, score: float | None) -> None:
        if not as_json:
            came = "given up" if score is None else f"mAP50-95 {score:.4f}"
            print(f"trial {number}: {came}", file=told, flush=True)

    # What is neither given nor searched has its default, and stands in the recipe only if it was given.
    fixed = given(context, chosen)
    opened = [open_set(folder) for folder in sets]
    with contextlib.redirect_stdout(sys.stderr), training_bar() as advance:
        recipe = tune(Search(fixed, hours, trials), opened, out, on_trial=tell, on_step=advance)
    if as_json:
        print(recipe.read_text("utf-8"))
        return
    searched = ", ".join(name.replace("_", "-") for name in SPACE if name not in fixed)
    print(f"searched: {searched}")
    print(f"report: {out / 'report.html'}")
    print(f"recipe: {recipe}; take it by `edgekit train detector RUN --recipe {recipe} ...`")


with_setting_options(tune, TrainSettings, left_out=["masked"])

"""`edgekit train detector`."""

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.evaluate.dataset import open_set
from train.setting_options import given, with_setting_options
from train.settings import TrainSettings
from train.training_bar import training_bar

if TYPE_CHECKING:
    from train.epochs import EpochRecord


def detector(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The run's folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A detection set; may be given several times.")],
    naive: Annotated[bool, typer.Option("--naive", help="Take unlabelled classes for absent, to compare.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was broken off.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be used.")] = False,
    recipe: Annotated[
        Path | None, typer.Option(help="Settings that `train tune` found; those given beside it come before.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON an epoch, and one at the end.")] = False,
    **chosen: Any,
) -> None:
    """Fine-tune a YOLO on sets that may label different classes.

    Example: edgekit train detector runs/first --set sets/warehouse --set sets/codes --weights yolov8n.pt
    """
    from devices.validation import checked  # noqa: PLC0415 - help must not wait for OpenCV
    from train.detector import train_detector  # noqa: PLC0415
    from train.recipes import read_recipe  # noqa: PLC0415
    from train.report import REPORT  # noqa: PLC0415
    from train.runs import summary_of  # noqa: PLC0415

    if recipe is not None:
        chosen = {**chosen, **read_recipe(recipe).settings, **given(context, chosen)}
    settings = checked(TrainSettings, **{**chosen, "masked": not naive})
    told = sys.stdout

    def tell(record: "EpochRecord") -> None:
        if as_json:
            print(record.model_dump_json(), file=told, flush=True)
            return
        print(f"epoch {record.epoch} of {settings.epochs}: {record.told()}", file=told, flush=True)

    opened = [open_set(folder) for folder in sets]
    # Libraries print what they like; only what this command says goes to stdout.
    with contextlib.redirect_stdout(sys.stderr), training_bar() as advance:
        best = train_detector(settings, opened, out, resume=resume, skip_bad=skip_bad, on_epoch=tell, on_step=advance)
    if as_json:
        print(json.dumps(summary_of(out)))
        return
    print(f"best checkpoint: {best}")
    print(f"report: {out / REPORT}")


with_setting_options(detector, TrainSettings, left_out=["masked"])

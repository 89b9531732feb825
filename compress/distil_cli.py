"""The command that trains a detector with a teacher."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.evaluate.dataset import open_set
from train.setting_options import with_setting_options
from train.settings import TrainSettings


def distil(
    out: Annotated[Path, typer.Argument(help="The new run's folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A detection set; may be given several times.")],
    teacher: Annotated[Path, typer.Option(help="A training's folder, or a checkpoint: larger, of the same family.")],
    distillation: Annotated[float, typer.Option(help="Weight of the teacher's word beside the labels'.")] = 1.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was broken off.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be used.")] = False,
    **chosen: Any,
) -> None:
    """Train a small detector with the labels and with a larger one's word; all options of `train detector` hold.

    Example: edgekit compress distil runs/taught --teacher runs/large --set sets/warehouse --weights yolov8n.pt
    """
    from compress.distilled_run import distil_run  # noqa: PLC0415 - help must not wait for torch
    from compress.source import Source  # noqa: PLC0415
    from devices.errors import EdgekitError  # noqa: PLC0415
    from devices.validation import checked  # noqa: PLC0415
    from train.epochs import EpochRecord  # noqa: PLC0415

    if distillation <= 0:
        raise EdgekitError(f"a teacher's word of weight {distillation:g} says nothing: give more than 0")
    settings = checked(TrainSettings, **chosen)
    shown = sys.stdout

    def tell(record: EpochRecord) -> None:
        print(f"epoch {record.epoch} of {settings.epochs}: {record.told()}", file=shown, flush=True)

    with contextlib.redirect_stdout(sys.stderr):
        best = distil_run(
            Source.open(teacher),
            out,
            settings,
            [open_set(folder) for folder in sets],
            weight=distillation,
            resume=resume,
            skip_bad=skip_bad,
            on_epoch=tell,
        )
    print(f"best checkpoint: {best}")


with_setting_options(distil, TrainSettings, left_out=["masked"])

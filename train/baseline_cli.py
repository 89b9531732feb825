"""`edgekit train baseline`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.evaluate.dataset import open_set
from train.baselines.settings import BaselineSettings, Kind
from train.training_bar import training_bar

if TYPE_CHECKING:
    from train.epochs import EpochRecord


def baseline(
    out: Annotated[Path, typer.Argument(help="The run's folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A detection set; may be given several times.")],
    kind: Annotated[Kind, typer.Option(help="Which model.")],
    input_px: Annotated[int, typer.Option(help="Side of the square input, pixels.")] = 320,
    epochs: Annotated[int, typer.Option(help="Times through all pictures.")] = 6,
    batch: Annotated[int, typer.Option(help="Pictures in a step.")] = 4,
    learning_rate: Annotated[float, typer.Option(help="At its highest; it falls as a cosine.")] = 0.0005,
    most_pictures: Annotated[int | None, typer.Option(help="Training pictures of each set.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was broken off.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be used.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON an epoch, and one at the end.")] = False,
) -> None:
    """Train a detector or segmenter of another maker, to compare with and to let it label; no model for a box.

    Example: edgekit train baseline runs/frcnn --set sets/warehouse --kind faster-rcnn --epochs 4
    """
    from devices.validation import checked  # noqa: PLC0415 - help must not wait for torch
    from train.baselines.run import train_baseline  # noqa: PLC0415
    from train.report import REPORT  # noqa: PLC0415
    from train.runs import summary_of  # noqa: PLC0415

    settings = checked(
        BaselineSettings,
        kind=kind,
        input_px=input_px,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        most_pictures=most_pictures,
        seed=seed,
    )

    def tell(record: "EpochRecord") -> None:
        if as_json:
            print(record.model_dump_json(), flush=True)
            return
        print(f"epoch {record.epoch} of {epochs}: {record.told()}", flush=True)

    opened = [open_set(folder) for folder in sets]
    with training_bar() as advance:
        best = train_baseline(settings, opened, out, resume=resume, skip_bad=skip_bad, on_epoch=tell, on_step=advance)
    if as_json:
        print(json.dumps(summary_of(out)))
        return
    print(f"best checkpoint: {best}; report: {out / REPORT}")

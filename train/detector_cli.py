"""`edgekit train detector`."""

import contextlib
import json
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.evaluate.dataset import open_set

if TYPE_CHECKING:
    from train.epochs import EpochRecord


def detector(
    out: Annotated[Path, typer.Argument(help="The run's folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A detection set; may be given several times.")],
    weights: Annotated[Path, typer.Option(help="Checkpoint to start from.")],
    input_px: Annotated[int, typer.Option(help="Side of the square training input, pixels.")] = 416,
    epochs: Annotated[int, typer.Option(help="Times through all pictures.")] = 8,
    batch: Annotated[int, typer.Option(help="Pictures in a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW, at its highest.")] = 0.001,
    freeze: Annotated[int, typer.Option(help="First layers that are not trained.")] = 4,
    scale: Annotated[float, typer.Option(help="Random scaling, plus or minus this share.")] = 0.6,
    degrees: Annotated[float, typer.Option(help="Random rotation, plus or minus degrees; loosens boxes.")] = 0.0,
    plain_epochs: Annotated[int, typer.Option(help="Last epochs without mosaic.")] = 2,
    most_pictures: Annotated[int | None, typer.Option(help="Training pictures of each set.")] = None,
    naive: Annotated[bool, typer.Option("--naive", help="Take unlabelled classes for absent, to compare.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was broken off.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be used.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON an epoch, and one at the end.")] = False,
) -> None:
    """Fine-tune a YOLO on sets that may label different classes.

    Example: edgekit train detector runs/first --set sets/warehouse --set sets/codes --weights yolov8n.pt
    """
    from edge.validation import checked  # noqa: PLC0415 - help must not wait for OpenCV
    from train.detector import TrainSettings, train_detector  # noqa: PLC0415

    settings = checked(
        TrainSettings,
        weights=weights,
        input_px=input_px,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        freeze=freeze,
        scale=scale,
        degrees=degrees,
        plain_epochs=plain_epochs,
        most_pictures=most_pictures,
        masked=not naive,
        seed=seed,
    )
    told = sys.stdout

    def tell(record: "EpochRecord") -> None:
        if as_json:
            print(record.model_dump_json(), file=told, flush=True)
            return
        scores = ", ".join(f"{name} {record.ap50[name]:.3f} / {record.ap[name]:.3f}" for name in record.ap50)
        print(f"epoch {record.epoch} of {epochs}: mAP50 / mAP50-95 by class: {scores}", file=told, flush=True)

    opened = [open_set(folder) for folder in sets]
    # Libraries print what they like; only what this command says goes to stdout.
    with contextlib.redirect_stdout(sys.stderr), _progress() as advance:
        best = train_detector(settings, opened, out, resume=resume, skip_bad=skip_bad, on_epoch=tell, on_step=advance)
    if as_json:
        print(json.dumps(_summary(out, best)))
        return
    print(f"best checkpoint: {best}")
    print(f"report: {out / 'report.html'}")


def _summary(out: Path, best: Path) -> dict[str, object]:
    from train.report import REPORT  # noqa: PLC0415 - help must not wait for matplotlib
    from train.runs import open_run  # noqa: PLC0415

    run = open_run(out)
    return {
        "checkpoint": str(best),
        "report": str(out / REPORT),
        "epochs": len(run.epochs),
        "finished": run.finished,
        "best": run.best.model_dump() if run.best is not None else None,
    }


@contextlib.contextmanager
def _progress() -> Generator[Callable[[int, int], None]]:
    """Yield what moves a bar on stderr, given steps done and steps in all; nothing is shown where it is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    with typer.progressbar(length=1, label="training", file=sys.stderr) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield advance

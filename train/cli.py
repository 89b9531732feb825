"""Train detectors and classifiers, and export them."""

from pathlib import Path
from typing import Annotated

import typer

from devices.errors import EdgekitError
from train.baseline_cli import baseline
from train.classifier_cli import classifier
from train.detector_cli import detector
from train.folds_cli import folds
from train.gallery_cli import gallery
from train.heads_cli import Method, heads
from train.retrain_cli import retrain
from train.tune_cli import tune
from train.twin_cli import twin

app = typer.Typer(no_args_is_help=True, help=__doc__)
app.command()(detector)
app.command()(classifier)
app.command()(folds)
app.command()(gallery)
app.command()(heads)
app.command()(twin)
app.command()(tune)
app.command()(retrain)
app.command()(baseline)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    height: Annotated[int | None, typer.Option(help="Rows of the input, a multiple of 32; the training's own.")] = None,
    width: Annotated[
        int | None, typer.Option(help="Columns of the input, a multiple of 32; the training's own.")
    ] = None,
    margin: Annotated[
        int, typer.Option(min=0, help="Grey that the graph puts around the picture on each side, a multiple of 16.")
    ] = 0,
    top_k: Annotated[bool, typer.Option("--top-k", help="Take a YOLO26's NMS-free head.")] = False,
    recipe: Annotated[str, typer.Option(help="What a bundle says of how it was made; the training command.")] = "",
    tagged_set: Annotated[
        Path | None, typer.Option("--set", help="A classifier's tagged set, to calibrate on.")
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", help="A further classifier's run; the scores are the mean of all. May be given again."),
    ] = None,
    mirrored: Annotated[
        bool, typer.Option("--mirror", help="Let a classifier see the mirror image too; takes twice the time.")
    ] = False,
    embedding: Annotated[bool, typer.Option("--embedding", help="Give a classifier's features too.")] = False,
    head: Annotated[
        Method | None, typer.Option(help="How several values are told, of `train heads`; the best there if not given.")
    ] = None,
) -> None:
    """Export a run's best checkpoint to ONNX, for both engines of a box.

    Example: edgekit train export runs/first export --height 256 --width 448
    """
    from train.runs import kind_of  # noqa: PLC0415 - help must not wait for ONNX

    if kind_of(run) == "baseline":
        raise EdgekitError(
            f"{run} is a baseline, to compare with and to teach, and no model for a box: let it label pictures with "
            "`edgekit data label --run`, or train a detector"
        )
    if kind_of(run) == "classifier":
        from train.classifier_show import show_export  # noqa: PLC0415

        if tagged_set is None:
            raise EdgekitError(
                "a classifier's scores are calibrated on pictures that were kept out: name its set by --set"
            )
        show_export(run, tagged_set, out, others=others or (), mirrored=mirrored, embedding=embedding, head=head)
        return
    if others or mirrored:
        raise EdgekitError(
            f"{run} is a detector's run: --with and --mirror are for classifiers, whose scores are averaged"
        )
    from train.export import export_run  # noqa: PLC0415 - help must not wait for ONNX

    record = export_run(run, out, height=height, width=width, margin=margin, top_k=top_k, recipe=recipe)
    size = f"{record.input.width}x{record.input.height}"
    print(f"{out}: {record.head}, {size}, classes {', '.join(record.classes)}; weights under {record.licence}")

"""The command that makes the smallest bundle that keeps a budget."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.evaluate.dataset import open_set


def auto(
    run: Annotated[Path, typer.Argument(help="The folder of a training of a detector.")],
    out: Annotated[Path, typer.Argument(help="The chain's folder; a chain that was broken off there goes on.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="To train, calibrate and score on; may be given again.")],
    budget: Annotated[str, typer.Option(help="What may be lost on the val parts, as 'mAP -1.0'.")],
    key: Annotated[Path, typer.Option(help="Private key that signs the bundle.")],
    name: Annotated[str, typer.Option(help="Of the model.")],
    version: Annotated[str, typer.Option(help="Of the model, for people.")],
    release: Annotated[int, typer.Option(min=1, help="Grows with each release.")] = 1,
    target: Annotated[
        str, typer.Option(help="A profile that this machine can stand in for, or this-box.")
    ] = "this-box",
    teacher: Annotated[Path | None, typer.Option(help="A larger training or checkpoint to distil from.")] = None,
    height: Annotated[int | None, typer.Option(help="Rows of the input to publish; the training's own.")] = None,
    width: Annotated[int | None, typer.Option(help="Columns of that input; the training's own.")] = None,
    margin: Annotated[int, typer.Option(min=0, help="As of `edgekit train export`, for all exports.")] = 0,
    top_k: Annotated[bool, typer.Option("--top-k", help="Take a YOLO26's NMS-free head.")] = False,
    macs: Annotated[float, typer.Option(help="Share of the multiplications that pruning leaves at most.")] = 0.7,
    epochs: Annotated[int, typer.Option(min=1, help="Of each training.")] = 8,
    pictures: Annotated[int, typer.Option(min=1, help="Training pictures that INT8 is calibrated on.")] = 300,
    self_test: Annotated[Path | None, typer.Option(help="Picture that shows the classes plainly; one of val.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Prune, distil and quantise a detector, keep what holds the budget and is faster, publish a signed bundle.

    Example: edgekit compress auto runs/a small --set sets/a --budget "mAP -1.0" --key my.key --name belt --version 1
    """
    from compress.budget import Budget  # noqa: PLC0415 - help must not wait for torch
    from compress.chain.chain import BUNDLE, Chain  # noqa: PLC0415
    from compress.chain.publish import Publication  # noqa: PLC0415
    from compress.chain.request import request_for  # noqa: PLC0415
    from compress.chain.steps import Steps  # noqa: PLC0415
    from compress.chain.target import Target  # noqa: PLC0415
    from compress.chain.workshop import Workshop  # noqa: PLC0415
    from compress.source import Source  # noqa: PLC0415
    from devices.probe import probe  # noqa: PLC0415
    from edge.model.signature import load_private  # noqa: PLC0415

    source = Source.open(run)
    taught_by = Source.open(teacher) if teacher is not None else None
    opened = [open_set(folder) for folder in sets]
    request = request_for(
        source,
        taught_by,
        opened,
        budget=Budget.read(budget),
        target=target,
        height=height,
        width=width,
        margin=margin,
        top_k=top_k,
        macs=macs,
        epochs=epochs,
        pictures=pictures,
        seed=seed,
    )
    for_box = Target.of(target, probe())
    publication = Publication(name, version, release, load_private(key), self_test)
    workshop = Workshop(out, opened, request.budget, for_box, out / "original" / "export")
    shown = sys.stderr if as_json else sys.stdout

    def tell(line: str) -> None:
        print(line, file=shown, flush=True)

    steps = Steps(request, source, taught_by, opened, workshop, for_box, lambda epoch: tell(f"  {epoch.told()}"))
    with contextlib.redirect_stdout(sys.stderr):  # libraries print what they like
        report = Chain(out, request, steps, publication, tell).run()
    if as_json:
        print(report.model_dump_json(by_alias=True))
        return
    chosen = report.chosen
    print(f"{out / BUNDLE}: {chosen.name}, {report.speedup:.2f} times as fast as the original; {chosen.verdict.told()}")

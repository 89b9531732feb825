"""The command that prunes a detector or a classifier and trains it to recover."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from train.epochs import TrainingEpoch


def prune(
    source: Annotated[Path, typer.Argument(help="The folder of a training, or a detector's checkpoint.")],
    out: Annotated[Path, typer.Argument(help="The new run's folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="To recover on; of a detector it may be given again.")],
    ratio: Annotated[float | None, typer.Option(help="Share of the channels to take out.")] = None,
    target_macs: Annotated[float | None, typer.Option(help="Share of the multiplications to leave at most.")] = None,
    target_speedup: Annotated[float | None, typer.Option(help="Times as fast here, at least, as measured.")] = None,
    target_latency_ms: Annotated[float | None, typer.Option(help="Time of a picture here, as measured.")] = None,
    height: Annotated[int | None, typer.Option(help="Rows of the input to count and measure for; --input-px.")] = None,
    width: Annotated[int | None, typer.Option(help="Columns of that input; --input-px.")] = None,
    top_k: Annotated[bool, typer.Option("--top-k", help="Count and measure a YOLO26's NMS-free head.")] = False,
    engine: Annotated[str, typer.Option(help="openvino or onnxruntime, to measure with.")] = "openvino",
    teachers: Annotated[
        list[Path] | None,
        typer.Option(
            "--teacher",
            help="Checkpoint, of a classifier a run, to learn from; the unpruned one; a classifier's again.",
        ),
    ] = None,
    distillation: Annotated[
        float | None, typer.Option(help="Weight of the teacher in the loss, 1; a classifier's share of it; 0: none.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Times through all pictures.")] = 8,
    learning_rate: Annotated[float | None, typer.Option(help="Of AdamW; the source run's own.")] = None,
    input_px: Annotated[int | None, typer.Option(help="Side of the training input; the source run's own.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures in a step; the source run's own.")] = None,
    most_pictures: Annotated[int | None, typer.Option(help="Training pictures of each set; the run's own.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was broken off.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be used.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Take channels out of a trained detector or classifier and train it to recover, taught by the unpruned one.

    Example: edgekit compress prune runs/first runs/pruned --set sets/warehouse --target-macs 0.7
    """
    from compress.pruned_run import prune_run  # noqa: PLC0415 - help must not wait for torch
    from compress.pruning_record import one_target  # noqa: PLC0415
    from compress.pruning_subject import Recovery, Wanted  # noqa: PLC0415
    from compress.subjects import open_subject  # noqa: PLC0415

    def tell(epoch: "TrainingEpoch") -> None:
        print(f"epoch {epoch.epoch} of {epochs}: {epoch.told()}", flush=True)

    target = one_target(ratio=ratio, macs=target_macs, speedup=target_speedup, latency_ms=target_latency_ms)
    recovery = Recovery(
        epochs=epochs,
        learning_rate=learning_rate,
        input_px=input_px,
        batch=batch,
        most_pictures=most_pictures,
        seed=seed,
        teachers=tuple(teachers or ()),
        skip_bad=skip_bad,
        on_epoch=tell,
    )
    # With --json standard output belongs to the record alone.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        subject = open_subject(source, sets, recovery)
        request = subject.request(Wanted(target, height, width, top_k, engine, distillation))
        record = prune_run(subject, out, request, resume=resume)
    print(record.model_dump_json(by_alias=True) if as_json else f"{out}: {record.told()}")

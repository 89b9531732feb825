"""The command that prunes a detector and trains it to recover."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.evaluate.dataset import open_set


def prune(
    source: Annotated[Path, typer.Argument(help="The folder of a training, or a checkpoint.")],
    out: Annotated[Path, typer.Argument(help="The new run's folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A detection set to recover on; may be given again.")],
    ratio: Annotated[float | None, typer.Option(help="Share of the channels to take out.")] = None,
    target_macs: Annotated[float | None, typer.Option(help="Share of the multiplications to leave at most.")] = None,
    target_speedup: Annotated[float | None, typer.Option(help="Times as fast here, at least, as measured.")] = None,
    target_latency_ms: Annotated[float | None, typer.Option(help="Time of a picture here, as measured.")] = None,
    height: Annotated[int | None, typer.Option(help="Rows of the input to count and measure for; --input-px.")] = None,
    width: Annotated[int | None, typer.Option(help="Columns of that input; --input-px.")] = None,
    top_k: Annotated[bool, typer.Option("--top-k", help="Count and measure a YOLO26's NMS-free head.")] = False,
    engine: Annotated[str, typer.Option(help="openvino or onnxruntime, to measure with.")] = "openvino",
    teacher: Annotated[Path | None, typer.Option(help="Checkpoint to learn from; the unpruned one itself.")] = None,
    distillation: Annotated[float, typer.Option(help="Weight of the teacher in the loss; 0: none.")] = 1.0,
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
    """Take channels out of a trained detector and train it to recover, with the unpruned one as its teacher.

    Example: edgekit compress prune runs/first runs/pruned --set sets/warehouse --target-macs 0.7
    """
    from compress import pruned_run  # noqa: PLC0415 - help must not wait for torch
    from compress.pruning_record import PruneRequest, one_target  # noqa: PLC0415
    from devices.validation import checked  # noqa: PLC0415
    from train.epochs import EpochRecord  # noqa: PLC0415

    target = one_target(ratio=ratio, macs=target_macs, speedup=target_speedup, latency_ms=target_latency_ms)
    opened = pruned_run.Source.open(source)
    settings = opened.recovery(
        out,
        epochs=epochs,
        learning_rate=learning_rate,
        input_px=input_px,
        batch=batch,
        most_pictures=most_pictures,
        seed=seed,
    )
    request = checked(
        PruneRequest,
        target=target,
        height=height or settings.input_size[0],
        width=width or settings.input_size[1],
        top_k=top_k,
        engine=engine,
        distillation=distillation,
    )

    def tell(epoch: EpochRecord) -> None:
        print(f"epoch {epoch.epoch} of {epochs}: {epoch.told()}", flush=True)

    # With --json standard output belongs to the record alone.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        record = pruned_run.prune_run(
            opened,
            out,
            request,
            settings,
            [open_set(folder) for folder in sets],
            how=pruned_run.How(teacher=teacher, resume=resume, skip_bad=skip_bad),
            on_epoch=tell,
        )
    print(record.model_dump_json(by_alias=True) if as_json else f"{out}: {record.told()}")

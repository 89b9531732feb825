"""Make a trained model small: fewer channels, INT8 for both engines of a box."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devices.errors import EdgekitError
from edge.evaluate.dataset import open_set

if TYPE_CHECKING:
    from compress.calibration import CalibrationSet

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def family() -> None:
    """Make a trained model small."""


@app.command()
def quantize(
    model: Annotated[Path, typer.Argument(help="The ONNX file that `edgekit train export` wrote.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A set to calibrate on; may be given again.")],
    pictures: Annotated[int, typer.Option(min=1, help="Training pictures drawn over all sets.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Quantise a detector or a classifier to INT8, for OpenVINO with NNCF and for ONNX Runtime in QDQ form.

    Example: edgekit compress quantize runs/first/detector.onnx runs/first/int8 --set sets/warehouse
    """
    from compress import quantize as quantization  # noqa: PLC0415 - help must not wait for ONNX

    record = quantization.quantize(model, out, _draw(sets, pictures, seed))
    if as_json:
        print(record.model_dump_json())
        return
    kept = ", ".join(f"{len(nodes)} nodes of {name}" for name, nodes in record.float_nodes.items())
    print(f"{out}: calibrated on {record.calibration.pictures} pictures; in float: {kept}")


@app.command()
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
        scores = ", ".join(f"{name} {epoch.ap50[name]:.3f} / {epoch.ap[name]:.3f}" for name in epoch.ap50)
        print(f"epoch {epoch.epoch} of {epochs}: mAP50 / mAP50-95 by class: {scores}", flush=True)

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


def _draw(folders: list[Path], count: int, seed: int) -> "CalibrationSet":
    """Draw calibration pictures from sets of one form, detection or tagged.

    Raises:
        EdgekitError: A folder is no set, the forms differ, or there is no training picture.
    """
    from compress.calibration import draw_calibration, draw_tagged  # noqa: PLC0415 - help must not wait for OpenCV
    from edge.evaluate.tagged_set import TAGS_RECORD, open_tagged_set  # noqa: PLC0415

    tagged = [(folder / TAGS_RECORD).exists() for folder in folders]
    if all(tagged):
        return draw_tagged([open_tagged_set(folder) for folder in folders], count, seed)
    if any(tagged):
        raise EdgekitError("detection sets and tagged sets cannot calibrate one model: name those of its training")
    return draw_calibration([open_set(folder) for folder in folders], count, seed)

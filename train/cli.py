"""Train detectors and classifiers, and export them."""

from pathlib import Path
from typing import Annotated

import typer

from devices.errors import EdgekitError
from edge.evaluate.dataset import open_set
from train.classifier_cli import classifier

app = typer.Typer(no_args_is_help=True, help=__doc__)
app.command()(classifier)


@app.command()
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
) -> None:
    """Fine-tune a YOLO on sets that may label different classes.

    Example: edgekit train detector runs/first --set sets/warehouse --set sets/codes --weights yolov8n.pt
    """
    from edge.validation import checked  # noqa: PLC0415 - help must not wait for OpenCV
    from train.detector import TrainSettings, train_detector  # noqa: PLC0415
    from train.epochs import EpochRecord  # noqa: PLC0415

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

    def tell(record: EpochRecord) -> None:
        scores = ", ".join(f"{name} {record.ap50[name]:.3f} / {record.ap[name]:.3f}" for name in record.ap50)
        print(f"epoch {record.epoch} of {epochs}: mAP50 / mAP50-95 by class: {scores}", flush=True)

    opened = [open_set(folder) for folder in sets]
    best = train_detector(settings, opened, out, resume=resume, skip_bad=skip_bad, on_epoch=tell)
    print(f"best checkpoint: {best}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    height: Annotated[int, typer.Option(help="Rows of the input, a multiple of 32.")] = 256,
    width: Annotated[int, typer.Option(help="Columns of the input, a multiple of 32.")] = 448,
    top_k: Annotated[bool, typer.Option("--top-k", help="Take a YOLO26's NMS-free head.")] = False,
    recipe: Annotated[str, typer.Option(help="What a bundle says of how it was made; the training command.")] = "",
    tagged_set: Annotated[
        Path | None, typer.Option("--set", help="A classifier's tagged set, to calibrate on.")
    ] = None,
    embedding: Annotated[bool, typer.Option("--embedding", help="Give a classifier's features too.")] = False,
) -> None:
    """Export a run's best checkpoint to ONNX, for both engines of a box.

    Example: edgekit train export runs/first export --height 256 --width 448
    """
    from train.classifier_show import is_classifier, show_export  # noqa: PLC0415 - help must not wait for ONNX

    if is_classifier(run):
        if tagged_set is None:
            raise EdgekitError(
                "a classifier's scores are calibrated on pictures that were kept out: name its set by --set"
            )
        show_export(run, tagged_set, out, embedding=embedding)
        return
    from train.export import export_run  # noqa: PLC0415 - help must not wait for ONNX

    record = export_run(run, out, height=height, width=width, top_k=top_k, recipe=recipe)
    print(
        f"{out}: {record.head}, {width}x{height}, classes {', '.join(record.classes)}; weights under {record.licence}"
    )

"""The command that trains a classifier; registered with the other trainings in `train/cli.py`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

TaggedSetFolder = Annotated[Path, typer.Option("--set", help="A tagged set.")]
Optimiser = Literal["sgd", "adam", "adamw", "adadelta", "adagrad"]
Imbalance = Literal["none", "weights", "oversample", "undersample", "focal"]


def classifier(
    out: Annotated[Path, typer.Argument(help="The run's folder.")],
    *,
    tagged_set: TaggedSetFolder,
    backbone: Annotated[str, typer.Option(help="A model of timm, or torchvision/NAME.")] = "tf_efficientnet_lite0",
    stages: Annotated[int | None, typer.Option(help="Keep its first stages alone; smaller and faster.")] = None,
    freeze_stages: Annotated[int, typer.Option(help="Stem and first stages that stay as they start; faster.")] = 0,
    weights: Annotated[
        Path | None, typer.Option(help="Run or state dict to start from; else an installed package's.")
    ] = None,
    dropout: Annotated[float, typer.Option(help="Share of features dropped before the head.")] = 0.2,
    drop_path: Annotated[float, typer.Option(help="Share of residual branches dropped.")] = 0.0,
    input_px: Annotated[int, typer.Option(help="Side of the square input in use, pixels.")] = 224,
    train_px: Annotated[int | None, typer.Option(help="Side in training; as the input if not given.")] = None,
    first_px: Annotated[int | None, typer.Option(help="Side in the first epoch, from which it grows; faster.")] = None,
    epochs: Annotated[int, typer.Option(help="Times through all pictures.")] = 20,
    batch: Annotated[int, typer.Option(help="Pictures in a step.")] = 32,
    optimiser: Annotated[Optimiser, typer.Option(help="sgd has momentum 0.9.")] = "adamw",
    learning_rate: Annotated[float, typer.Option(help="Of the head, at its highest; falls as a cosine.")] = 0.001,
    backbone_rate: Annotated[float, typer.Option(help="The backbone's share of it; 0 freezes the backbone.")] = 0.3,
    warmup_epochs: Annotated[float, typer.Option(help="In which the rate rises.")] = 1.0,
    weight_decay: Annotated[float, typer.Option(help="L2, not of norms and biases.")] = 0.02,
    l1: Annotated[float, typer.Option(help="Weight of the head's absolute weights in the loss.")] = 0.0,
    label_smoothing: Annotated[float, typer.Option(help="Share of a label spread over all values.")] = 0.1,
    average_decay: Annotated[float, typer.Option(help="Of the moving average of the weights; 0: none.")] = 0.998,
    imbalance: Annotated[Imbalance, typer.Option(help="What is done about rare values.")] = "none",
    least_area: Annotated[float, typer.Option(help="Least share of a picture that a crop shows.")] = 0.3,
    degrees: Annotated[float, typer.Option(help="Rotation, plus or minus.")] = 15.0,
    flip: Annotated[bool, typer.Option("--flip/--no-flip", help="Mirror every other picture.")] = True,
    colour: Annotated[float, typer.Option(help="Brightness, contrast, saturation, plus or minus this share.")] = 0.3,
    hue: Annotated[float, typer.Option(help="Shift of colours, plus or minus this share of the circle.")] = 0.02,
    blur: Annotated[float, typer.Option(help="Share of pictures that are blurred.")] = 0.1,
    noise: Annotated[float, typer.Option(help="Most standard deviation of added noise, of full scale.")] = 0.02,
    erase: Annotated[float, typer.Option(help="Share of pictures of which a rectangle is hidden.")] = 0.2,
    mix: Annotated[float, typer.Option(help="Share of batches whose pictures are mixed in pairs.")] = 0.5,
    teachers: Annotated[
        list[Path] | None, typer.Option("--teacher", help="A run to learn from; may be given again.")
    ] = None,
    loss: Annotated[Literal["kd", "dkd", "dist"], typer.Option(help="What is held against the teacher.")] = "kd",
    temperature: Annotated[float, typer.Option(help="Of the scores that are compared.")] = 2.0,
    weight: Annotated[float, typer.Option(help="Share of the teacher in the loss.")] = 0.8,
    unlabelled: Annotated[Path | None, typer.Option(help="Pictures without tags, for the teacher to tell of.")] = None,
    folds: Annotated[
        int | None, typer.Option(help="Divide the training part so; keep one fold out to score on.")
    ] = None,
    fold: Annotated[int, typer.Option(help="Which fold is kept out, from 0.")] = 0,
    precision: Annotated[
        Literal["f32", "bf16", "mixed"], typer.Option(help="Of activations; mixed: bf16 where no gradient flows back.")
    ] = "f32",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was broken off.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each epoch, and at last the result, as JSON.")] = False,
) -> None:
    """Train a classifier on a tagged set, alone or taught by larger ones.

    Example: edgekit train classifier runs/student --set sets/grocery-store --teacher runs/teacher --epochs 20
    """
    from devices.validation import checked  # noqa: PLC0415
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415 - help must not wait for OpenCV
    from train.classifier.settings import ClassifierSettings  # noqa: PLC0415
    from train.classifier_show import show_training  # noqa: PLC0415

    settings = checked(
        ClassifierSettings,
        network={
            "backbone": backbone,
            "stages": stages,
            "freeze_stages": freeze_stages,
            "weights": weights,
            "dropout": dropout,
            "drop_path": drop_path,
        },
        schedule={
            "epochs": epochs,
            "batch": batch,
            "optimiser": optimiser,
            "learning_rate": learning_rate,
            "backbone_rate": backbone_rate,
            "warmup_epochs": warmup_epochs,
            "weight_decay": weight_decay,
            "l1": l1,
            "label_smoothing": label_smoothing,
            "average_decay": average_decay,
            "imbalance": imbalance,
        },
        augment={
            "least_area": least_area,
            "degrees": degrees,
            "flip": flip,
            "colour": colour,
            "hue": hue,
            "blur": blur,
            "noise": noise,
            "erase": erase,
            "mix": mix,
        },
        teaching={
            "teachers": tuple(teachers or ()),
            "loss": loss,
            "temperature": temperature,
            "weight": weight,
            "unlabelled": unlabelled,
        },
        input_px=input_px,
        train_px=train_px,
        first_px=first_px,
        folds=folds,
        fold=fold,
        precision=precision,
        seed=seed,
    )
    show_training(settings, open_tagged_set(tagged_set), out, resume=resume, skip_bad=skip_bad, as_json=as_json)

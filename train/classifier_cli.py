"""The command that trains a classifier; registered with the other trainings in `train/cli.py`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from train.classifier.settings import ClassifierSettings
from train.setting_options import grouped, with_setting_options


def classifier(
    out: Annotated[Path, typer.Argument(help="The run's folder.")],
    *,
    tagged_set: Annotated[Path, typer.Option("--set", help="A tagged set.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was broken off.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each epoch, and at last the result, as JSON.")] = False,
    **chosen: Any,
) -> None:
    """Train a classifier on a tagged set, alone or taught by larger ones.

    Example: edgekit train classifier runs/student --set sets/grocery-store --teacher runs/teacher --epochs 20
    """
    from devices.validation import checked  # noqa: PLC0415
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415 - help must not wait for OpenCV
    from train.classifier_show import show_training  # noqa: PLC0415

    settings = checked(ClassifierSettings, **grouped(ClassifierSettings, chosen))
    show_training(settings, open_tagged_set(tagged_set), out, resume=resume, skip_bad=skip_bad, as_json=as_json)


with_setting_options(classifier, ClassifierSettings)

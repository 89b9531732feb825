"""The command that trains all folds of a recipe; registered with the other trainings in `train/cli.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from train.classifier.settings import ClassifierSettings
from train.setting_options import grouped, with_setting_options
from train.training_bar import training_bar

if TYPE_CHECKING:
    from train.classifier.folds_report import FoldsReport
    from train.classifier.record import ClassifierEpoch

_ROW = "{:<12} {:>8}  {:<14}  {:<{by_fold}}  {:>5}  {}"


def folds(
    out: Annotated[Path, typer.Argument(help="The folder of all folds; those that lie there already go on.")],
    *,
    tagged_set: Annotated[Path, typer.Option("--set", help="A tagged set, whose train part is divided.")],
    folds: Annotated[int, typer.Option(min=2, help="How many; pictures that look alike are in one.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of them as JSON.")] = False,
    **chosen: Any,
) -> None:
    """Train a classifier once for each fold of a set and tell the mean, with its interval, and val beside it.

    Example: edgekit train folds folds/student --set sets/grocery-store --folds 5 --teacher folds/teacher --epochs 20
    """
    from devices.validation import checked  # noqa: PLC0415 - help must not wait for torch
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415
    from train.classifier.fold_runs import train_folds  # noqa: PLC0415
    from train.classifier.folds_report import report_folds  # noqa: PLC0415

    settings = checked(ClassifierSettings, **grouped(ClassifierSettings, {**chosen, "folds": folds}))

    def tell(fold: int, record: "ClassifierEpoch") -> None:
        if not as_json:
            told = f"fold {fold} of {folds}, epoch {record.epoch} of {settings.schedule.epochs}: {record.told()}"
            print(told, flush=True)

    opened = open_tagged_set(tagged_set)
    with training_bar() as advance:
        train_folds(settings, opened, out, on_step=advance, on_epoch=tell)
    report = report_folds(out, opened)
    if as_json:
        print(report.model_dump_json(indent=1))
        return
    _print_table(report)
    print(f"report: {out / 'report.html'}")


def _print_table(report: "FoldsReport") -> None:
    width = 6 * report.folds - 1
    print(
        f"percent right, of {report.pictures} pictures in {report.groups} groups of similar ones, each told by the "
        f"network that did not learn it; val has {report.val_pictures} in {report.val_groups}; 95 % of draws of groups"
    )
    print(_ROW.format("attribute", "kept out", "95 %", "by fold", "val", "95 %", by_fold=width).rstrip())
    for score in report.scores:
        by_fold = " ".join(f"{value:5.1f}" for value in score.by_fold)
        kept, val = score.kept_out, score.val
        on_val = ("", "") if val is None else (f"{val.mean:.1f}", f"{val.low:.1f} to {val.high:.1f}")
        interval = f"{kept.low:.1f} to {kept.high:.1f}"
        row = _ROW.format(score.attribute, f"{kept.mean:.1f}", interval, by_fold, *on_val, by_fold=width)
        print(row.rstrip())


with_setting_options(folds, ClassifierSettings, left_out=["folds", "fold"])

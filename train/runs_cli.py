"""List trainings and set them side by side."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    from train.runs import Run

app = typer.Typer(no_args_is_help=True, help=__doc__)

_LEAST_TO_COMPARE = 2


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="The folder that the runs lie in.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the trainings in a folder, each with its best epoch.

    Example: edgekit runs list runs
    """
    from train.runs import runs_below  # noqa: PLC0415 - help must not wait for OpenCV

    runs = runs_below(folder)
    if as_json:
        print(json.dumps([_as_record(run) for run in runs], indent=2))
        return
    detectors = [_row(run, "weights", ("mAP50", "mAP50-95")) for run in runs if run.kind == "detector"]
    classifiers = [_row(run, "backbone", ("accuracy",)) for run in runs if run.kind == "classifier"]
    if detectors:
        _print_table([("detector", "weights", "px", "epochs", "best", "mAP50", "mAP50-95"), *detectors])
    baselines = [_row(run, "kind", ("mAP50", "mAP50-95")) for run in runs if run.kind == "baseline"]
    if baselines:
        _print_table([("baseline", "kind", "px", "epochs", "best", "mAP50", "mAP50-95"), *baselines])
    if classifiers:
        _print_table([("classifier", "backbone", "px", "epochs", "best", "accuracy"), *classifiers])


def _row(run: "Run", start: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return a run's row: what it started from, and what its best epoch came to under some names."""
    came = ("-",) * (1 + len(names))
    if run.best is not None:
        came = (str(run.best.epoch), *(f"{run.best.scores[name]:.3f}" for name in names))
    done = f"{len(run.epochs)} of {run.planned_epochs}"
    return (str(run.folder), Path(run.told[start]).stem, run.told["input_px"], done, *came)


@app.command()
def compare(
    folders: Annotated[list[Path], typer.Argument(help="The runs.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Set trainings side by side: the settings in which they differ, and their best epochs by class.

    Example: edgekit runs compare runs/first runs/second
    """
    from train.runs import differences, open_run  # noqa: PLC0415 - help must not wait for OpenCV

    if len(folders) < _LEAST_TO_COMPARE:
        raise EdgekitError("a comparison needs two runs or more")
    runs = [open_run(folder) for folder in folders]
    if as_json:
        told = {"runs": [_as_record(run) for run in runs], "differ_in": [each.name for each in differences(runs)]}
        print(json.dumps(told, indent=2))
        return
    rows = [("", *(str(run.folder) for run in runs))]
    rows += [(each.name, *each.values) for each in differences(runs)]
    rows.append(("best epoch", *(str(run.best.epoch) if run.best else "-" for run in runs)))
    names = dict.fromkeys(name for run in runs if run.best for name in run.best.scores)
    for name in names:
        rows.append((name, *(_score(run, name) for run in runs)))
    _print_table(rows)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="The run.")],
    *,
    tagged_set: Annotated[Path | None, typer.Option("--set", help="A classifier's tagged set.")] = None,
) -> None:
    """Write the report of a training anew, or that of one that was broken off.

    Example: edgekit runs report runs/first
    """
    from train.runs import kind_of  # noqa: PLC0415 - help must not wait for torch

    if kind_of(folder) == "detector":
        from train.detector_report import write_run_report  # noqa: PLC0415

        print(write_run_report(folder))
        return
    if kind_of(folder) == "baseline":
        from train.baselines.report import write_baseline_report  # noqa: PLC0415
        from train.baselines.run import open_baseline  # noqa: PLC0415

        print(write_baseline_report(folder, open_baseline(folder).baseline))
        return
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415
    from train.classifier.report import report_run  # noqa: PLC0415

    if tagged_set is None:
        raise EdgekitError("the report of a classifier shows pictures that it errs on: name its set by --set")
    print(report_run(folder, open_tagged_set(tagged_set)))


def _score(run: "Run", name: str) -> str:
    if run.best is None or name not in run.best.scores:
        return "-"
    return f"{run.best.scores[name]:.3f}"


def _as_record(run: "Run") -> dict[str, Any]:
    return {
        "folder": str(run.folder),
        "kind": run.kind,
        "finished": run.finished,
        "config": run.config.model_dump(mode="json", by_alias=True),
        "best": run.best.model_dump() if run.best else None,
        "epochs": [record.model_dump() for record in run.epochs],
    }


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

"""The command that sets a taught classifier beside its twin; registered with the trainings in `train/cli.py`."""

from pathlib import Path
from typing import Annotated

import typer


def twin(
    student: Annotated[Path, typer.Argument(help="A classifier's run that was taught, or folds of such.")],
    alone: Annotated[Path, typer.Argument(metavar="TWIN", help="The same without a teacher.")],
    *,
    tagged_set: Annotated[Path, typer.Option("--set", help="The set that both learnt from.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Set a taught classifier beside the same without a teacher, and say whether its teacher was one.

    Folds of both are compared on the pictures that each kept out.

    Example: edgekit train twin runs/student runs/twin --set sets/grocery-store
    """
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415 - help must not wait for torch
    from train.classifier.folds_report import write_folds_page  # noqa: PLC0415
    from train.classifier.report import report_run  # noqa: PLC0415
    from train.classifier.twin import compare_twin  # noqa: PLC0415

    opened = open_tagged_set(tagged_set)
    report = compare_twin(student, alone, opened)
    written = write_folds_page(student) if report.folds else report_run(student, opened)
    if as_json:
        print(report.model_dump_json(indent=1))
        return
    drawn = f", drawn in {report.groups} groups of similar ones" if report.groups else ""
    print(f"accuracy on {report.pictures} pictures that none of them learnt from{drawn}, percent")
    for line in report.told():
        print(f"  {line}")
    print(f"{report.verdict}; report: {written}")

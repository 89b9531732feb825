"""The command that sets a taught classifier beside its twin; registered with the trainings in `train/cli.py`."""

from pathlib import Path
from typing import Annotated

import typer


def twin(
    student: Annotated[Path, typer.Argument(help="A classifier's run that was taught.")],
    alone: Annotated[Path, typer.Argument(metavar="TWIN", help="The same run without a teacher.")],
    *,
    tagged_set: Annotated[Path, typer.Option("--set", help="The set that both learnt from.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Set a taught classifier beside the same without a teacher, and say whether its teacher was one.

    Example: edgekit train twin runs/student runs/twin --set sets/grocery-store
    """
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415 - help must not wait for torch
    from train.classifier.report import report_run  # noqa: PLC0415
    from train.classifier.twin import compare_twin  # noqa: PLC0415

    opened = open_tagged_set(tagged_set)
    report = compare_twin(student, alone, opened)
    written = report_run(student, opened)
    if as_json:
        print(report.model_dump_json(indent=1))
        return
    print(f"accuracy on {report.pictures} pictures that none of them learnt from, percent")
    for score in report.scores:
        print(
            f"  {score.attribute}: teacher {score.teacher:.1f}, twin {score.twin:.1f}, student {score.student:.1f}: "
            f"{score.gain:+.1f} points, 95 % of draws in {score.low:+.1f} to {score.high:+.1f}"
        )
    print(f"{report.verdict}; report: {written}")

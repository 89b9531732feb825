"""Measure the accuracy of a bundle's model files, through the runtime's own code."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.evaluate.evaluation import ClassScore


class Split(str, Enum):
    """The parts of a set."""

    train = "train"
    val = "val"
    test = "test"


def evaluate(
    *,
    bundle: Annotated[Path, typer.Option(help="The bundle's folder.")],
    trusted_keys: Annotated[list[Path], typer.Option("--trusted-key", help="Public key of its signer.")],
    sets: Annotated[list[Path], typer.Option("--set", help="A detection set; may be given several times.")],
    split: Annotated[
        Split,
        typer.Option(
            help="test: opened by this command alone, each time written down in the set's test-openings.jsonl.",
        ),
    ] = Split.val,
    by: Annotated[
        str | None, typer.Option(help="A heading of the sets' groups.json, such as camera or site: score each group.")
    ] = None,
    draws: Annotated[int, typer.Option(min=10, help="Bootstrap samples for what INT8 costs.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Score every model file of a bundle: average precision by class, FP32 beside INT8.

    Example: edgekit evaluate --bundle bundles/first --trusted-key site.pub --set sets/warehouse
    """
    from edge.evaluate.dataset import open_set  # noqa: PLC0415 - help must not wait for engines
    from edge.evaluate.report import evaluate_bundle  # noqa: PLC0415
    from edge.model.bundle import open_bundle  # noqa: PLC0415

    opened = open_bundle(bundle, trusted_keys)
    pictures = [open_set(folder) for folder in sets]
    total = sum(len(one.pictures(split.value)) for one in pictures) * len(opened.manifest.models)
    with typer.progressbar(length=total, label="evaluating", file=typer.get_text_stream("stderr")) as bar:
        report = evaluate_bundle(
            opened, pictures, split=split.value, by=by, draws=draws, seed=seed, advance=lambda: bar.update(1)
        )
    if as_json:
        print(report.model_dump_json(indent=1))
        return
    for name, times in report.openings.items():
        print(f"the test part of {name} was opened {times} times, this one included")
    print(f"{report.bundle} {report.digest[:12]}, split {report.split}: mAP50 / mAP50-95")
    for model in report.models:
        print(f"  {model.backend} {model.version} {model.precision}: {_scores(model.classes)}")
        for group in model.groups:
            print(f"    {by} {group.name}, {group.pictures} pictures: {_scores(group.classes)}")
    for cost in report.int8_costs:
        print(
            f"  INT8 less FP32, {cost.backend}, {cost.set_name}: {cost.points:+.2f} points of mAP50-95, "
            f"95 % of {cost.draws} draws in {cost.low:+.2f} to {cost.high:+.2f}"
        )


def _scores(classes: "tuple[ClassScore, ...]") -> str:
    return ", ".join(f"{score.name} {score.map50:.3f} / {score.map50_95:.3f}" for score in classes) or "no object"

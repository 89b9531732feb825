"""The command that compares ways of telling several values; registered with the other trainings in `train/cli.py`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Method = Literal["one-vs-all", "binary-relevance", "chain", "powerset", "powerset-values"]
_ROW = "{:<12} {:<17} {:>8} {:>8} {:>6} {:>6} {:>11}"


def heads(
    run: Annotated[Path, typer.Argument(help="A classifier's run on the set, or on the one that it tells flat.")],
    out: Annotated[Path, typer.Argument(help="The new folder, which `train export --head` takes.")],
    *,
    tagged_set: Annotated[Path, typer.Option("--set", help="A set with an attribute of several values.")],
    weight_decay: Annotated[
        float, typer.Option(min=0, help="Weight of the squares of the heads' weights, on standardised features.")
    ] = 0.0002,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Fit and compare one-vs-all, binary relevance, classifier chain and label powerset on a network's features.

    A powerset is read in two ways: as the likeliest set, or each value by all sets that hold it (powerset-values).

    Example: edgekit train heads runs/labels runs/labels-heads --set sets/labels
    """
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415 - help must not wait for torch
    from train.classifier.several import fit_heads  # noqa: PLC0415

    record = fit_heads(run, open_tagged_set(tagged_set), out, weight_decay)
    if as_json:
        print(record.model_dump_json(indent=1, by_alias=True))
        return
    own = "learnt with the network's features" if record.own else "fitted on the network's features, as the others are"
    print(f"{record.pictures} pictures that were kept out; one-vs-all was {own}")
    print(_ROW.format("attribute", "method", "micro F1", "macro F1", "mAP", "exact", "calibration"))
    for score in record.scores:
        figures = (
            score.micro_f1,
            score.macro_f1,
            score.mean_average_precision,
            score.exact,
            score.calibration_error,
        )
        print(_ROW.format(score.attribute, score.method, *(f"{figure:.3f}" for figure in figures)))
    for name, head in record.chosen(None).items():
        print(f"{out}: {name} is exported as {head.method}, unless --head says otherwise")

"""Measure the accuracy of a bundle's model files, through the runtime's own code."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    from edge.evaluate.classifier_report import ClassifierEvaluation
    from edge.evaluate.evaluation import ClassScore, MaskScore
    from edge.model.bundle import ClassifierBundle


MOST_MISTAKES = 4  # kinds of them that are told; all with --json
WEAKEST = 5  # values of an attribute that are told one by one


class Split(str, Enum):
    """The parts of a set."""

    train = "train"
    val = "val"
    test = "test"


def evaluate(
    *,
    bundle: Annotated[Path, typer.Option(help="The bundle's folder.")],
    trusted_keys: Annotated[list[Path], typer.Option("--trusted-key", help="Public key of its signer.")],
    sets: Annotated[
        list[Path], typer.Option("--set", "--data", help="A set; detection sets may be given several times.")
    ],
    split: Annotated[
        Split,
        typer.Option(
            help="test: opened to be scored alone, each time written down in the set's test-openings.jsonl.",
        ),
    ] = Split.val,
    by: Annotated[
        str | None, typer.Option(help="A heading of the sets' groups.json, such as camera or site: score each group.")
    ] = None,
    draws: Annotated[int, typer.Option(min=10, help="Bootstrap samples for intervals, and for what INT8 costs.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Score every model file of a bundle: a detector's average precision, a classifier's accuracy by attribute.

    Example: edgekit evaluate --bundle bundles/first --trusted-key site.pub --set sets/warehouse
    """
    from edge.evaluate.dataset import open_set  # noqa: PLC0415 - help must not wait for engines
    from edge.evaluate.report import evaluate_bundle  # noqa: PLC0415
    from edge.model.bundle import Bundle, open_any_bundle  # noqa: PLC0415
    from edge.model.classifier_manifest import ClassifierManifest  # noqa: PLC0415

    found = open_any_bundle(bundle, trusted_keys)
    if isinstance(found.manifest, ClassifierManifest):
        if by is not None or len(sets) != 1:
            raise EdgekitError("a classifier is scored on one tagged set, as a whole: give one --set, and no --by")
        classifier = Bundle(found.directory, found.manifest, found.digest)
        _evaluate_classifier(classifier, sets[0], split.value, draws=draws, seed=seed, as_json=as_json)
        return
    opened = Bundle(found.directory, found.manifest, found.digest)
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
    print(f"{report.bundle} {report.digest[:12]}, split {report.split}: mAP50 / mAP50-95, 95 % intervals")
    for model in report.models:
        print(f"  {model.backend} {model.version} {model.precision}: {_scores(model.classes)}")
        print(f"    at a score of {model.threshold:.2f}: {'; '.join(map(_told, model.classes))}")
        for labelled, found, times in model.mistakes[:MOST_MISTAKES]:
            print(f"    labelled {labelled}, found {found}: {times} times")
        for group in model.groups:
            print(f"    {by} {group.name}, {group.pictures} pictures: {_scores(group.classes)}")
    for cost in report.int8_costs:
        print(
            f"  INT8 less FP32, {cost.backend}, {cost.set_name}: {cost.points:+.2f} points of mAP50-95, "
            f"95 % of {cost.draws} draws in {cost.low:+.2f} to {cost.high:+.2f}"
        )


def _evaluate_classifier(
    bundle: "ClassifierBundle", folder: Path, split: str, *, draws: int, seed: int, as_json: bool
) -> None:
    from edge.evaluate.classifier_report import evaluate_classifier  # noqa: PLC0415 - help must not wait for engines
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415

    tagged_set = open_tagged_set(folder)
    total = len(tagged_set.part(split)) * len(bundle.manifest.models)
    with typer.progressbar(length=total, label="evaluating", file=typer.get_text_stream("stderr")) as bar:
        report = evaluate_classifier(
            bundle, tagged_set, split=split, draws=draws, seed=seed, advance=lambda: bar.update(1)
        )
    print(report.model_dump_json(indent=1) if as_json else "\n".join(_lines(report)))


def _lines(report: "ClassifierEvaluation") -> list[str]:
    lines: list[str] = []
    if report.openings is not None:
        lines.append(f"the test part of {report.set_name} was opened {report.openings} times, this one included")
    lines.append(
        f"{report.bundle} {report.digest[:12]}, {report.pictures} pictures of {report.set_name} {report.split}"
    )
    for model in report.models:
        lines.append(f"  {model.backend} {model.version} {model.precision}:")
        for score in model.attributes:
            told = [
                f"accuracy {score.accuracy:.3f}",
                f"micro F1 {score.micro_f1:.3f}",
                f"macro F1 {score.macro_f1:.3f}",
            ]
            if score.mean_average_precision is not None:
                told.append(f"mAP {score.mean_average_precision:.3f}")
            told.append(f"calibration error {score.calibration_error:.3f}")
            if score.accuracy_of_sure is not None:
                told.append(f"unknown {score.unknown:.3f}, accuracy of the others {score.accuracy_of_sure:.3f}")
            lines.append(f"    {score.attribute}: {', '.join(told)}")
            weakest = sorted((value for value in score.values if value.pictures), key=lambda value: value.f1)[:WEAKEST]
            by_value = ", ".join(f"{value.value} {value.f1:.2f} of {value.pictures}" for value in weakest)
            lines.append(f"      weakest F1 by value: {by_value}; all of them with --json")
    lines += [
        f"  INT8 less FP32, {cost.backend}, {cost.attribute}: {cost.points:+.2f} points of accuracy, "
        f"95 % of {cost.draws} draws in {cost.low:+.2f} to {cost.high:+.2f}"
        for cost in report.int8_costs
    ]
    return lines


def _scores(classes: "tuple[ClassScore, ...]") -> str:
    return ", ".join(_score(score) for score in classes) or "no object"


def _told(score: "ClassScore") -> str:
    """Return what a box would tell of a class, and how well objects of each size are found."""
    at = ", ".join(
        f"{name} {'-' if value is None else f'{value:.3f}'}"
        for name, value in (("precision", score.precision), ("recall", score.recall), ("F1", score.f1))
    )
    sizes = ", ".join(f"{one.size} {one.map50_95:.3f} of {one.objects}" for one in score.sizes)
    return f"{score.name} {at} (mAP50-95 by size: {sizes})"


def _score(score: "ClassScore") -> str:
    boxes = f"{score.name} {_with_intervals(score)}"
    return boxes if score.masks is None else f"{boxes}, its masks {_with_intervals(score.masks)}"


def _with_intervals(score: "ClassScore | MaskScore") -> str:
    told = f"{score.map50:.3f} / {score.map50_95:.3f}"
    if score.map50_interval is None or score.map50_95_interval is None:
        return told
    ranges = (f"{low:.3f} to {high:.3f}" for low, high in (score.map50_interval, score.map50_95_interval))
    return f"{told} ({' / '.join(ranges)})"

"""A classifier's training as a person or a program follows it: a bar and a line an epoch, or JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from edge.evaluate.tagged_set import TaggedSet, open_tagged_set
from edge.model.several import SeveralMethod
from train.classifier.record import ClassifierEpoch
from train.classifier.report import report_run
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings
from train.runs import summary_of
from train.training_bar import training_bar


def show_training(
    settings: ClassifierSettings, tagged_set: TaggedSet, out: Path, *, resume: bool, skip_bad: bool, as_json: bool
) -> None:
    """Train a classifier and print how it goes."""

    def tell(record: ClassifierEpoch) -> None:
        told = f"epoch {record.epoch} of {settings.schedule.epochs}: {record.told()}"
        print(record.model_dump_json() if as_json else told, flush=True)

    with training_bar() as advance:
        checkpoint = train_classifier(
            settings, tagged_set, out, resume=resume, skip_bad=skip_bad, on_step=advance, on_epoch=tell
        )
    report = report_run(out, tagged_set)
    print(json.dumps(summary_of(out)) if as_json else f"best checkpoint: {checkpoint}; report: {report}")


def show_export(
    run: Path,
    tagged_set: Path,
    out: Path,
    *,
    others: Sequence[Path],
    mirrored: bool,
    embedding: bool,
    head: SeveralMethod | None,
) -> None:
    """Export a classifier and print what came of it."""
    from train.classifier.export import export_classifier  # noqa: PLC0415 - a training must not wait for ONNX

    record = export_classifier(
        run, open_tagged_set(tagged_set), out, others=others, mirrored=mirrored, embedding=embedding, head=head
    )
    unknown = ", ".join(f"{name} {score:.2f}" for name, score in record.thresholds.items())
    told = "".join(f"; {name} by {one.method}" for name, one in record.heads.items())
    looks = f"; {len(record.members)} networks" if others else ""
    looks += ", mirror images too" if mirrored else ""
    print(
        f"{out}: {record.input.width}x{record.input.height}{looks}, temperature {record.temperature:.2f}; "
        f"unknown below: {unknown}; weights under {record.licence}{told}"
    )

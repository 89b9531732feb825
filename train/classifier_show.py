"""A classifier's training as a person or a program follows it: a bar and a line an epoch, or JSON."""

import json
from pathlib import Path

import typer

from edge.evaluate.tagged_set import TaggedSet, open_tagged_set
from edge.model.several import SeveralMethod
from train.classifier.record import ClassifierEpoch
from train.classifier.report import report_run
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings


def show_training(
    settings: ClassifierSettings, tagged_set: TaggedSet, out: Path, *, resume: bool, skip_bad: bool, as_json: bool
) -> None:
    """Train a classifier and print how it goes."""
    best: list[ClassifierEpoch] = []

    def tell(record: ClassifierEpoch) -> None:
        if not best or _mean(record) > _mean(best[0]):
            best[:] = [record]
        if as_json:
            print(record.model_dump_json(), flush=True)
            return
        scores = ", ".join(f"{name} {score:.3f}" for name, score in record.accuracy.items())
        print(f"epoch {record.epoch} of {settings.schedule.epochs}: accuracy: {scores}", flush=True)

    with typer.progressbar(length=0, label="training", file=typer.get_text_stream("stderr")) as bar:

        def start(steps: int) -> None:
            bar.length = steps

        checkpoint = train_classifier(
            settings,
            tagged_set,
            out,
            resume=resume,
            skip_bad=skip_bad,
            on_start=start,
            on_step=lambda: bar.update(1),
            on_epoch=tell,
        )
    report = report_run(out, tagged_set)
    if as_json:
        reached = best[0].model_dump() if best else None
        print(json.dumps({"checkpoint": str(checkpoint), "report": str(report), "best": reached}))
    else:
        print(f"best checkpoint: {checkpoint}; report: {report}")


def show_export(run: Path, tagged_set: Path, out: Path, *, embedding: bool, head: SeveralMethod | None) -> None:
    """Export a classifier and print what came of it."""
    from train.classifier.export import export_classifier  # noqa: PLC0415 - a training must not wait for ONNX

    record = export_classifier(run, open_tagged_set(tagged_set), out, embedding=embedding, head=head)
    unknown = ", ".join(f"{name} {score:.2f}" for name, score in record.thresholds.items())
    told = "".join(f"; {name} by {one.method}" for name, one in record.heads.items())
    print(
        f"{out}: {record.input.width}x{record.input.height}, temperature {record.temperature:.2f}; "
        f"unknown below: {unknown}; weights under {record.licence}{told}"
    )


def _mean(record: ClassifierEpoch) -> float:
    return sum(record.accuracy.values()) / len(record.accuracy)

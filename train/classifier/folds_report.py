"""What the folds of a recipe come to, as a record and as a page."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from devices.validation import read_json
from edge.evaluate.tagged_set import TaggedSet
from train.checkpoints import keep
from train.classifier.answers import Estimate, estimate, percent
from train.classifier.fold_folders import FOLDS, fold_folder
from train.classifier.folded_set import FoldAnswers, FoldedSet
from train.classifier.recipe import recipe_of
from train.classifier.record import ClassifierEpoch
from train.classifier.run import divide_as
from train.classifier.settings import read_classifier_config
from train.classifier.twin_record import notes_of_twin
from train.epoch_figures import EpochFigures
from train.epochs import METRICS, EpochRecords
from train.report import REPORT, RunReport, write_report


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FoldsScore(_Record):
    """Accuracies under one attribute, percent; for intervals whole groups of similar pictures were drawn."""

    attribute: str
    kept_out: Estimate = Field(description="of all pictures of the folds, each by the network that did not learn it")
    by_fold: tuple[float, ...] = Field(description="the same, of each fold's pictures")
    val: Estimate | None = Field(description="the mean over the networks, on the val part; null where there is none")
    val_by_fold: tuple[float, ...] = Field(description="of each network")


class FoldsReport(_Record):
    """`folds.json`: what all folds of a recipe come to."""

    command: str
    folds: PositiveInt
    pictures: PositiveInt
    groups: PositiveInt = Field(description="of similar pictures, which are in one fold and are drawn together")
    val_pictures: int
    val_groups: int
    scores: tuple[FoldsScore, ...]


def report_folds(out: Path, tagged_set: TaggedSet) -> FoldsReport:
    """Score the runs of all folds and write `folds.json` and `report.html`.

    Args:
        out: The folder of `train_folds`.
        tagged_set: The set that it divided.

    Raises:
        EdgekitError: A run is not whole or kept out a fold of another division, a picture cannot be read, or the
            report cannot be written.
    """
    config = read_classifier_config(fold_folder(out, 0))
    folds = config.settings.folds or 1
    for fold in range(folds):
        divide_as(fold_folder(out, fold), tagged_set)
    folded = FoldedSet.of(tagged_set, folds)
    answers = folded.answers([(fold_folder(out, fold),) for fold in range(folds)])
    report = FoldsReport(
        command=recipe_of(config),
        folds=folds,
        pictures=len(folded.groups),
        groups=len(set(folded.groups.tolist())),
        val_pictures=len(folded.val),
        val_groups=len(set(folded.val_groups.tolist())),
        scores=tuple(_scores(folded, answers)),
    )
    with keep(out / FOLDS) as new:
        new.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    write_folds_page(out)
    return report


def read_folds(out: Path) -> FoldsReport:
    """Return what folds came to.

    Raises:
        EdgekitError: The folder is none of finished folds, or its record is not valid.
    """
    return read_json(out / FOLDS, FoldsReport, "report of folds", "name a folder that `edgekit train folds` finished")


def write_folds_page(out: Path) -> Path:
    """Write `report.html` of finished folds anew, and return its path.

    Raises:
        EdgekitError: The folds are not finished, or it cannot be written.
    """
    report, config = read_folds(out), read_classifier_config(fold_folder(out, 0))
    page = RunReport(
        title=f"{out.resolve().name}: {config.settings.network.backbone} on {config.tagged_set.name}, "
        f"{report.folds} folds",
        command=report.command,
        config=config.model_dump_json(indent=2, by_alias=True),
        facts=_facts(report),
        epochs=_figures(out, report.folds),
        notes=(*_notes(report), *notes_of_twin(out, taught=bool(config.settings.teaching.teachers))),
    )
    write_report(page, out / REPORT)
    return out / REPORT


def _scores(folded: FoldedSet, answers: FoldAnswers) -> Iterator[FoldsScore]:
    for column, attribute in enumerate(folded.taxonomy.attributes):
        right, on_val = answers.kept_out[:, column], answers.val[:, :, column]
        yield FoldsScore(
            attribute=attribute.name,
            kept_out=estimate(right, folded.groups),
            by_fold=tuple(percent(right[folded.fold == fold].mean()) for fold in range(len(folded.kept_out))),
            val=estimate(on_val.mean(axis=0), folded.val_groups) if folded.val else None,
            val_by_fold=tuple(percent(of_one.mean()) for of_one in on_val) if folded.val else (),
        )


def _facts(report: FoldsReport) -> dict[str, str]:
    facts = {
        "kept out": f"{report.pictures} pictures in {report.groups} groups of similar ones",
        "val": f"{report.val_pictures} pictures in {report.val_groups} groups",
    }
    for score in report.scores:
        facts[f"{score.attribute}, kept out"] = _told(score.kept_out, score.by_fold)
        if score.val is not None:
            facts[f"{score.attribute}, val"] = _told(score.val, score.val_by_fold)
    return facts


def _told(of_all: Estimate, by_fold: Sequence[float]) -> str:
    each = ", ".join(f"{value:.1f}" for value in by_fold)
    return f"{of_all.mean:.1f} %, 95 % of draws in {of_all.low:.1f} to {of_all.high:.1f}; by fold {each}"


def _notes(report: FoldsReport) -> list[str]:
    notes = [
        "Each kept-out picture is told by the network of the fold that did not learn it.",
        "For intervals whole groups of similar pictures were drawn, since similar ones are in one fold.",
        "They tell the luck of the pictures, and nothing of the luck of a seed.",
        "The network of a fold is its best epoch on the pictures that it kept out, which flatters it a little there.",
    ]
    if report.val_pictures:
        notes.append("On val stands the mean over the networks; none of their epochs was chosen by it.")
    return notes


def _figures(out: Path, folds: int) -> list[EpochFigures]:
    """Return the accuracies of all folds by epoch, each attribute as a plot with a line a fold."""
    groups: dict[int, dict[str, dict[str, float]]] = {}
    for fold in range(folds):
        for record in EpochRecords(fold_folder(out, fold) / METRICS, ClassifierEpoch).read():
            for name, value in record.accuracy.items():
                groups.setdefault(record.epoch, {}).setdefault(f"{name} accuracy", {})[f"fold {fold}"] = value
    return [EpochFigures(epoch, of_one) for epoch, of_one in sorted(groups.items())]

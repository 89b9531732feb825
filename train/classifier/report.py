"""The report of a classifier's run: curves, what is taken for what, and the worst errors beside what they look like."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.picture import read_picture
from edge.model.taxonomy import Taxonomy
from train.classifier.calibration import EVEN
from train.classifier.network import scores_of, split_columns
from train.classifier.pictures import Pictures, read_pictures
from train.classifier.recipe import recipe_of
from train.classifier.record import ClassifierEpoch, figures_of
from train.classifier.run import divide_as
from train.classifier.scores import accuracies, logits_of
from train.classifier.settings import ClassifierConfig, read_classifier_config
from train.classifier.teacher import load_network
from train.classifier.twin_record import notes_of_twin
from train.epochs import METRICS, EpochRecords
from train.plots import Confusion
from train.report import REPORT, RunReport, SideBySide, write_report

MOST_ERRORS = 12


def report_run(run: Path, tagged_set: TaggedSet) -> Path:
    """Write the report of a run that has finished an epoch, and return its path.

    Args:
        run: The folder of `train_classifier`.
        tagged_set: The set that it learnt from.

    Raises:
        EdgekitError: The run is not whole, a picture cannot be read, or the report cannot be written.
    """
    config = read_classifier_config(run)
    settings, taxonomy = config.settings, config.tagged_set.taxonomy
    records = EpochRecords(run / METRICS, ClassifierEpoch).read()
    division = divide_as(run, tagged_set)
    held, _ = read_pictures(division.held, taxonomy, settings.input_px, skip_bad=True)
    network = load_network(run)
    logits = logits_of(network, held.images)
    reached = accuracies(logits, held, taxonomy)
    facts = {
        "set": config.tagged_set.name,
        "pictures": f"{config.learnt_from.pictures} to learn from, {len(held)} to score on",
        "best epoch": str(_best(records).epoch),
        "parameters": f"{network.parameters_in_use:,}",
        **{f"accuracy, {name}": f"{value:.3f}" for name, value in reached.items()},
    }
    first = next((attribute for attribute in taxonomy.learnt if not attribute.multiple), None)
    confusion, errors = None, ()
    if first is not None:
        scores, truth = _columns(logits, held, taxonomy, taxonomy.learnt.index(first))
        confusion = Confusion(_counts(truth, scores.argmax(axis=1), len(first.values)), first.values)
        examples = _examples(division.learn, taxonomy.learnt.index(first))
        errors = tuple(_errors(scores, truth, held, first.values, examples))
    else:
        errors = tuple(_errors_of_several(logits, held, taxonomy, division.learn))
    report = RunReport(
        title=f"{run.name}: {settings.network.backbone} on {config.tagged_set.name}",
        command=recipe_of(config),
        config=config.model_dump_json(indent=2, by_alias=True),
        facts=facts,
        epochs=[figures_of(record) for record in records],
        confusion=confusion,
        errors=errors,
        notes=_notes(run, config),
    )
    write_report(report, run / REPORT)
    return run / REPORT


def _notes(run: Path, config: ClassifierConfig) -> list[str]:
    """Return what a reader should know: what was left out, and what the teacher was worth."""
    notes = [f"{len(config.skipped)} pictures were left out, since they cannot be read."] if config.skipped else []
    return notes + notes_of_twin(run, taught=bool(config.settings.teaching.teachers))


def _best(records: Sequence[ClassifierEpoch]) -> ClassifierEpoch:
    return max(records, key=lambda record: sum(record.accuracy.values()))


def _columns(
    logits: torch.Tensor, held: Pictures, taxonomy: Taxonomy, position: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return scores (N, values) and labels (N,) of one attribute of one value."""
    part, attribute = split_columns(logits, taxonomy.learnt)[position]
    labels = [picture.tags[position][0] for picture in held.tagged]
    return scores_of(part, attribute).numpy(), np.array(labels, np.int64)


def _counts(truth: NDArray[np.int64], answer: NDArray[np.int64], values: int) -> NDArray[np.int64]:
    counts = np.zeros((values, values), np.int64)
    np.add.at(counts, (truth, answer), 1)
    return counts


def _examples(learn: Sequence[TaggedPicture], position: int) -> dict[int, Path]:
    """Return one picture to learn from of each value."""
    found: dict[int, Path] = {}
    for picture in learn:
        found.setdefault(picture.tags[position][0], picture.path)
    return found


def _errors(
    scores: NDArray[np.float32],
    truth: NDArray[np.int64],
    held: Pictures,
    values: Sequence[str],
    examples: dict[int, Path],
) -> list[SideBySide]:
    """Return the surest wrong answers, each beside a picture of what it was taken for."""
    answer = scores.argmax(axis=1)
    wrong = np.flatnonzero(answer != truth)
    worst = wrong[np.argsort(-scores[wrong, answer[wrong]], kind="stable")][:MOST_ERRORS]
    errors: list[SideBySide] = []
    for row in worst.tolist():
        path, taken_for = held.tagged[row].path, int(answer[row])
        errors.append(
            SideBySide(
                caption=f"{path.name}: {values[int(truth[row])]}, taken for {values[taken_for]} with a score of "
                f"{scores[row, taken_for]:.2f}; on the right a picture of {values[taken_for]}",
                labelled=_shown(path),
                predicted=_shown(examples[taken_for]) if taken_for in examples else _nothing(),
            )
        )
    return errors


def _errors_of_several(
    logits: torch.Tensor, held: Pictures, taxonomy: Taxonomy, learn: Sequence[TaggedPicture]
) -> list[SideBySide]:
    """Return the pictures with the most values missed or made up, each beside one of a value that was made up."""
    part, attribute = split_columns(logits, taxonomy.learnt)[0]
    said = scores_of(part, attribute).numpy() >= EVEN
    truth = split_columns(held.targets, taxonomy.learnt)[0][0].numpy() > 0
    wrong = (said != truth).sum(axis=1)
    examples = {value: picture.path for picture in learn for value in picture.tags[0]}
    errors: list[SideBySide] = []
    for row in np.argsort(-wrong, kind="stable")[:MOST_ERRORS].tolist():
        if not wrong[row]:
            break
        missed, made_up = (np.flatnonzero(one).tolist() for one in (truth[row] & ~said[row], said[row] & ~truth[row]))
        told = [
            f"{', '.join(attribute.values[value] for value in values)} {how}"
            for values, how in ((missed, "missed"), (made_up, "made up"))
            if values
        ]
        example = next((value for value in made_up if value in examples), None)
        beside = f"; on the right a picture of {attribute.values[example]}" if example is not None else ""
        path = held.tagged[row].path
        caption = f"{path.name}: {'; '.join(told)}{beside}"
        right = _nothing() if example is None else _shown(examples[example])
        errors.append(SideBySide(caption, _shown(path), right))
    return errors


def _shown(path: Path) -> NDArray[np.uint8]:
    picture = read_picture(path)
    scale = 256 / max(picture.shape[:2])
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _nothing() -> NDArray[np.uint8]:
    return np.full((256, 256, 3), 255, np.uint8)

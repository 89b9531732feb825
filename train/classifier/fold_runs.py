"""One recipe trained on all folds of a set: a folder that holds a run for each, which kept its fold's pictures out."""

from collections.abc import Callable
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from train.classifier.fold_folders import FOLDS, fold_folder, holds_folds
from train.classifier.recipe import command_of
from train.classifier.record import ClassifierEpoch
from train.classifier.run import BEGUN, Commission, divide, learnt_from, train_classifier
from train.classifier.settings import ClassifierSettings
from train.classifier.twin_record import TWIN
from train.classifier.unseen import learns_from_runs, require_same_division, require_unseen
from train.report import REPORT
from train.run_folders import LAST


def train_folds(
    settings: ClassifierSettings,
    tagged_set: TaggedSet,
    out: Path,
    *,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
    on_epoch: Callable[[int, ClassifierEpoch], None] = lambda _fold, _record: None,
) -> None:
    """Train all folds of a recipe; those that lie in `out` already go on where they were broken off.

    Args:
        settings: Of each fold, with their number. A teacher, or the run to start from, may be a folder of folds: each
            fold then gets its own.
        tagged_set: Its train part is divided.
        out: The folder; `fold-0` and so on are made in it.
        on_step: Called after each step with how many of all folds' are done, and how many there are.
        on_epoch: Called with the fold after each epoch's checkpoint.

    Raises:
        EdgekitError: As for one training; `out` holds something else, or a teacher has seen what some fold keeps out.
    """
    count = settings.folds or 0
    of_folds = [settings_of_fold(settings, fold) for fold in range(count)]
    _check_folder(out, count)
    for own in of_folds:  # hours before the fold that it is about
        require_unseen(own, tagged_set.description)
        if learns_from_runs(own):
            require_same_division(own, learnt_from(tagged_set, divide(tagged_set, own).learn))
    command = command_of(settings, f"edgekit train folds OUT --set {tagged_set.description.name}")
    for fold, own in enumerate(of_folds):
        run = fold_folder(out, fold)
        train_classifier(
            own,
            tagged_set,
            run,
            resume=(run / LAST).exists(),
            on_step=lambda done, total, fold=fold: on_step(fold * total + done, count * total),
            on_epoch=lambda record, fold=fold: on_epoch(fold, record),
            commission=Commission(command, BEGUN),
        )


def settings_of_fold(settings: ClassifierSettings, fold: int) -> ClassifierSettings:
    """Return the settings of one fold: of folders of folds that it learns from, the run that kept out the same.

    Raises:
        EdgekitError: Such a folder lacks folds.
    """
    teaching, network = settings.teaching, settings.network
    teachers = tuple(_of_fold(teacher, fold) for teacher in teaching.teachers)
    weights = _of_fold(network.weights, fold) if network.weights is not None else None
    return settings.model_copy(
        update={
            "teaching": teaching.model_copy(update={"teachers": teachers}),
            "network": network.model_copy(update={"weights": weights}),
            "fold": fold,
        }
    )


def _of_fold(run: Path, fold: int) -> Path:
    return fold_folder(run, fold) if holds_folds(run) else run


def _check_folder(out: Path, count: int) -> None:
    """Raise EdgekitError where a folder holds anything but so many folds of an earlier call."""
    own = {FOLDS, TWIN, REPORT, *(fold_folder(out, fold).name for fold in range(count))}
    entries = sorted(entry.name for entry in out.iterdir()) if out.is_dir() else []
    others = [name for name in entries if name not in own and not name.startswith(".")]
    if others:
        raise EdgekitError(f"{out} holds {others[0]}, which is none of {count} folds: choose another folder")

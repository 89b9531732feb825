"""Keeps a fold kept out: no network that a training learns from may have learnt from the pictures of its fold."""

from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSetDescription
from edge.model.manifest import DataEntry
from train.classifier.settings import ClassifierSettings, read_classifier_config
from train.run_folders import CONFIG


def require_unseen(settings: ClassifierSettings, tagged_set: TaggedSetDescription) -> None:
    """Refuse teachers, and a run to start from, that have seen the fold that a training is scored on.

    Raises:
        EdgekitError: One has; or one is no run.
    """
    for run in _learnt_from(settings):
        config = read_classifier_config(run)
        kept_out = (config.tagged_set, config.settings.folds, config.settings.fold)
        if kept_out != (tagged_set, settings.folds, settings.fold):
            raise EdgekitError(
                f"{run} learnt from pictures that fold {settings.fold} of {settings.folds} keeps out, so a score on "
                "them would be a memory: name a run that kept the same fold out, or what `edgekit train folds` wrote"
            )


def require_same_division(settings: ClassifierSettings, learnt: DataEntry) -> None:
    """Refuse teachers, and a run to start from, of a fold that was divided otherwise: by another version of the kit.

    Args:
        settings: Of a training.
        learnt: What it learns from.

    Raises:
        EdgekitError: One learnt from other pictures.
    """
    for run in _learnt_from(settings):
        if read_classifier_config(run).learnt_from != learnt:
            raise EdgekitError(
                f"{run} kept out fold {settings.fold} of {settings.folds} too, but learnt from other pictures than "
                "belong to the rest now, so it may know what is kept out: train its folds anew"
            )


def learns_from_runs(settings: ClassifierSettings) -> bool:
    """Return whether what runs know goes into a fold's training."""
    return bool(_learnt_from(settings))


def _learnt_from(settings: ClassifierSettings) -> tuple[Path, ...]:
    """Return the runs whose knowledge goes into a fold's training; none where nothing is kept out as a fold."""
    if settings.folds is None:
        return ()
    weights = settings.network.weights
    started = (weights,) if weights is not None and (weights / CONFIG).exists() else ()
    return (*settings.teaching.teachers, *started)

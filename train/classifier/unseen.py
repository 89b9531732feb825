"""Keeps a fold kept out: no network that a training learns from may have learnt from the pictures of its fold."""

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSetDescription
from train.classifier.settings import ClassifierSettings, read_classifier_config
from train.run_folders import CONFIG


def require_unseen(settings: ClassifierSettings, tagged_set: TaggedSetDescription) -> None:
    """Refuse teachers, and a run to start from, that have seen the fold that a training is scored on.

    Raises:
        EdgekitError: One has; or one is no run.
    """
    if settings.folds is None:
        return
    weights = settings.network.weights
    started = (weights,) if weights is not None and (weights / CONFIG).exists() else ()
    for run in (*settings.teaching.teachers, *started):
        config = read_classifier_config(run)
        kept_out = (config.tagged_set, config.settings.folds, config.settings.fold)
        if kept_out != (tagged_set, settings.folds, settings.fold):
            raise EdgekitError(
                f"{run} learnt from pictures that fold {settings.fold} of {settings.folds} keeps out, so a score on "
                "them would be a memory: name a run that kept the same fold out, or what `edgekit train folds` wrote"
            )

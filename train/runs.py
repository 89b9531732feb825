"""Trainings set side by side, detectors' and classifiers': what each was told, and what came of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from devices.errors import EdgekitError
from train.baselines.settings import BaselineConfig, read_baseline_config
from train.classifier.record import ClassifierEpoch
from train.classifier.settings import ClassifierConfig, read_classifier_config
from train.detector import RunConfig, read_config
from train.epochs import METRICS, EpochRecord, EpochRecords, TrainingEpoch
from train.report import REPORT
from train.run_folders import BEST, CONFIG

Kind = Literal["detector", "classifier", "baseline"]


@dataclass(frozen=True, slots=True)
class Run:
    """A training on disk.

    Attributes:
        folder: Where it lies.
        config: All that decided it.
        epochs: What each finished epoch came to, in order; may be empty.
    """

    folder: Path
    config: RunConfig | ClassifierConfig | BaselineConfig
    epochs: tuple[TrainingEpoch, ...]

    @property
    def kind(self) -> Kind:
        """What was trained."""
        match self.config:
            case RunConfig():
                return "detector"
            case BaselineConfig():
                return "baseline"
            case ClassifierConfig():
                return "classifier"

    @property
    def best(self) -> TrainingEpoch | None:
        """The epoch with the highest first score, None before the first."""
        return max(self.epochs, key=lambda record: next(iter(record.scores.values())), default=None)

    @property
    def planned_epochs(self) -> int:
        """How many it is to have."""
        return int(self.told["epochs"])

    @property
    def finished(self) -> bool:
        """Whether it came to its last epoch, or a detector to an early end for want of better scores."""
        return bool(self.epochs) and (self.epochs[-1].epoch >= self.planned_epochs or self._gave_up)

    @property
    def _gave_up(self) -> bool:
        if not isinstance(self.config, RunConfig) or self.best is None:
            return False
        patience = self.config.settings.patience
        reached = next(iter(self.best.scores.values()))  # while nothing is found at all, a training is given time
        return patience > 0 and reached > 0 and self.epochs[-1].epoch - self.best.epoch >= patience

    @property
    def told(self) -> dict[str, str]:
        """All settings by name, those of a group without its name, and the sets that it learnt from."""
        flat: dict[str, str] = {}
        for name, value in self.config.settings.model_dump(mode="json").items():
            flat |= {inner: str(one) for inner, one in value.items()} if isinstance(value, dict) else {name: str(value)}
        sets = (self.config.tagged_set,) if isinstance(self.config, ClassifierConfig) else self.config.sets
        # The digest too: a set of the same name may have other pictures by now.
        flat["sets"] = ", ".join(f"{used.name} ({used.pictures} pictures, {used.digest[:8]})" for used in sets)
        return flat


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting, and what each of several runs had for it."""

    name: str
    values: tuple[str, ...]


def open_run(folder: Path) -> Run:
    """Open a training.

    Raises:
        EdgekitError: The folder holds none, or its record is not valid.
    """
    if kind_of(folder) == "classifier":
        classified = EpochRecords(folder / METRICS, ClassifierEpoch).read()
        return Run(folder, read_classifier_config(folder), tuple(classified))
    if kind_of(folder) == "baseline":
        return Run(folder, read_baseline_config(folder), tuple(EpochRecords(folder / METRICS, EpochRecord).read()))
    return Run(folder, read_config(folder), tuple(EpochRecords(folder / METRICS, EpochRecord).read()))


def kind_of(folder: Path) -> Kind:
    """Return what a run's folder says that it trains; what says nothing is a detector's, the older of the two."""
    try:
        told = json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError):
        return "detector"
    match told:
        case {"kind": "classifier" | "baseline" as kind}:
            return kind
        case _:
            return "detector"


def summary_of(folder: Path) -> dict[str, object]:
    """Return what a training's command says at its end to a program.

    Raises:
        EdgekitError: The folder holds none, or its record is not valid.
    """
    run = open_run(folder)
    return {
        "checkpoint": str(folder / BEST),
        "report": str(folder / REPORT),
        "epochs": len(run.epochs),
        "finished": run.finished,
        "best": run.best.model_dump() if run.best is not None else None,
    }


def runs_below(folder: Path) -> list[Run]:
    """Open all trainings in a folder and in the folders in it, by their path.

    Raises:
        EdgekitError: There is no such folder, no training in it, or the record of one is not valid.
    """
    if not folder.is_dir():
        raise EdgekitError(f"there is no folder {folder}: name the one that your runs lie in")
    found = sorted(path.parent for pattern in (CONFIG, f"*/{CONFIG}") for path in folder.glob(pattern))
    if not found:
        raise EdgekitError(f"there is no training in {folder}: name the folder that your runs lie in")
    return [open_run(path) for path in found]


def differences(runs: Sequence[Run]) -> list[Difference]:
    """Return the settings and sets in which runs differ.

    Raises:
        EdgekitError: Some are detectors' and others classifiers'.
    """
    if len({run.kind for run in runs}) > 1:
        raise EdgekitError("a detector's training and a classifier's have nothing to compare: name runs of one kind")
    told = [run.told for run in runs]
    names = dict.fromkeys(name for settings in told for name in settings)
    found = [Difference(name, tuple(settings.get(name, "-") for settings in told)) for name in names]
    return [difference for difference in found if len(set(difference.values)) > 1]

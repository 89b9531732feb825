"""Trainings set side by side: what each was told, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from train.detector import CONFIG, RunConfig, TrainSettings, read_config
from train.epochs import METRICS, EpochRecord, EpochRecords


@dataclass(frozen=True, slots=True)
class Run:
    """A training on disk.

    Attributes:
        folder: Where it lies.
        config: All that decided it.
        epochs: What each finished epoch came to, in order; may be empty.
    """

    folder: Path
    config: RunConfig
    epochs: tuple[EpochRecord, ...]

    @property
    def best(self) -> EpochRecord | None:
        """The epoch with the highest mean over classes of mAP50-95, None before the first."""
        return max(self.epochs, key=lambda record: mean(record.ap), default=None)

    @property
    def finished(self) -> bool:
        """Whether it came to its last epoch."""
        return bool(self.epochs) and self.epochs[-1].epoch >= self.config.settings.epochs


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting, and what each of several runs had for it."""

    name: str
    values: tuple[str, ...]


def mean(by_class: dict[str, float]) -> float:
    """Return the mean over classes, 0 where there is none."""
    return sum(by_class.values()) / len(by_class) if by_class else 0.0


def open_run(folder: Path) -> Run:
    """Open a training.

    Raises:
        EdgekitError: The folder holds none, or its record is not valid.
    """
    return Run(folder, read_config(folder), tuple(EpochRecords(folder / METRICS, EpochRecord).read()))


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
    """Return the settings and sets in which runs differ."""
    told = [
        Difference(name, tuple(str(getattr(run.config.settings, name)) for run in runs))
        for name in TrainSettings.model_fields
    ]
    told.append(Difference("sets", tuple(_sets(run) for run in runs)))
    return [difference for difference in told if len(set(difference.values)) > 1]


def _sets(run: Run) -> str:
    # The digest too: a set of the same name may have other pictures by now.
    return ", ".join(f"{used.name} ({used.pictures} pictures, {used.digest[:8]})" for used in run.config.sets)

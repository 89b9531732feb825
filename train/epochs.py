"""The record of a training by epoch, `metrics.jsonl`, kept in step with the checkpoint across crashes."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from devices.errors import EdgekitError
from train.checkpoints import cannot_write, keep

METRICS = "metrics.jsonl"


class TrainingEpoch(BaseModel, ABC):
    """What is recorded of an epoch of any training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: int
    losses: dict[str, float]
    learning_rate: float
    gradient_norm: float = Field(default=0.0, description="before clipping, of the epoch's last step")

    @abstractmethod
    def told(self) -> str:
        """Return in words what it came to."""

    @property
    @abstractmethod
    def scores(self) -> dict[str, float]:
        """What it came to on pictures that it did not learn from, by name; the first says which epoch is best."""


class EpochRecord(TrainingEpoch):
    """One line of a detector's `metrics.jsonl`."""

    ap50: dict[str, float]
    ap: dict[str, float]
    mask_ap50: dict[str, float] = Field(default={}, description="of outlines, where they were learnt")
    mask_ap: dict[str, float] = {}
    unread: tuple[str, ...] = Field(default=(), description="pictures that could not be read any more, so far")

    def told(self) -> str:
        """Return the average precisions in words."""
        scores = ", ".join(f"{name} {self.ap50[name]:.3f} / {self.ap[name]:.3f}" for name in self.ap50)
        masks = ", ".join(f"{name} {self.mask_ap50[name]:.3f} / {self.mask_ap[name]:.3f}" for name in self.mask_ap)
        return f"mAP50 / mAP50-95 by class: {scores}" + (f"; masks: {masks}" if masks else "")

    @property
    def scores(self) -> dict[str, float]:
        """The means over classes of both average precisions, and each class's own.

        With outlines the mean of boxes' and masks' comes first: it says which epoch is best.
        """
        outlines = {
            "boxes and masks mAP50-95": (_mean(self.ap) + _mean(self.mask_ap)) / 2,
            "masks mAP50-95": _mean(self.mask_ap),
            "masks mAP50": _mean(self.mask_ap50),
        }
        return {
            **(outlines if self.mask_ap else {}),
            "mAP50-95": _mean(self.ap),
            "mAP50": _mean(self.ap50),
            **{f"{name} mAP50": score for name, score in self.ap50.items()},
            **{f"{name} mAP50-95": score for name, score in self.ap.items()},
        }


def _mean(by_class: dict[str, float]) -> float:
    return sum(by_class.values()) / len(by_class) if by_class else 0.0


Epoch = TypeVar("Epoch", bound=TrainingEpoch)


class EpochRecords(Generic[Epoch]):
    """One line an epoch. A line is written before its epoch's checkpoint, so that none can ever be missing.

    Args:
        path: The file.
        form: What a line holds.
    """

    def __init__(self, path: Path, form: type[Epoch]) -> None:
        self._path = path
        self._form = form

    def add(self, record: Epoch) -> None:
        """Append an epoch, durably.

        Raises:
            EdgekitError: It cannot be written.
        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(record.model_dump_json() + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as exc:
            raise EdgekitError(cannot_write(self._path, exc)) from exc

    def read(self) -> list[Epoch]:
        """Return all epochs in their order; a line that a crash tore off does not count."""
        records: dict[int, Epoch] = {}
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines() if self._path.exists() else []
        for line in lines:
            try:
                record = self._form.model_validate_json(line)
            except ValidationError:
                continue
            records[record.epoch] = record
        return [records[epoch] for epoch in sorted(records)]

    def keep_first(self, epochs: int) -> None:
        """Drop what was recorded of epochs that no checkpoint holds, since a resumed run trains them again.

        Args:
            epochs: How many are behind the checkpoint.
        """
        kept = [record for record in self.read() if record.epoch <= epochs]
        with keep(self._path) as new:
            new.write_text("".join(record.model_dump_json() + "\n" for record in kept), encoding="utf-8")

"""The learning itself, apart from what is checked and told around it, in a form that another process can be given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from train.beginning import Teaching
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class Learning:
    """What a process has to know to learn.

    Attributes:
        out: The run's folder; its `build/` holds the pictures.
        settings: What decides the training.
        options: The same and more as ultralytics' trainer names it.
        by_set: Ids of the classes that each set labels, by its name.
        resume: Go on where the last checkpoint ends.
        skip_bad: Go on without pictures that cannot be read any more.
        teaching: Whom to learn from besides the labels, None for nobody.
    """

    out: Path
    settings: TrainSettings
    options: Mapping[str, object]
    by_set: Mapping[str, frozenset[int]]
    resume: bool
    skip_bad: bool
    teaching: Teaching | None

    def run(self, on_epoch: Callable[[], None], on_step: Callable[[int, int], None]) -> Path:
        """Learn, and return the best checkpoint.

        Args:
            on_epoch: Called when an epoch is recorded and saved.
            on_step: Called after each step with how many are done, and how many there are at most.

        Raises:
            EdgekitError: The loss became NaN, there is nothing to resume, or a checkpoint cannot be loaded safely.
        """
        from train import yolo_training as yolo  # noqa: PLC0415 - importing torch takes seconds

        unread = yolo.UnreadPictures(skip_bad=self.skip_bad)
        records = EpochRecords(self.out / METRICS, EpochRecord)

        def record(metrics: yolo.EpochMetrics) -> None:
            records.add(
                EpochRecord(
                    epoch=metrics.epoch,
                    losses=dict(metrics.losses),
                    learning_rate=metrics.learning_rate,
                    gradient_norm=metrics.gradient_norm,
                    ap50=dict(metrics.ap50),
                    ap=dict(metrics.ap),
                    mask_ap50=dict(metrics.mask_ap50),
                    mask_ap=dict(metrics.mask_ap),
                    unread=tuple(unread.reasons),
                )
            )

        return yolo.train(
            self.out / "build" / "data.yaml",
            self.out,
            partial=yolo.PartialLabels(self.by_set, masked=self.settings.masked),
            unread=unread,
            settings=self.settings,
            options=self.options,
            record=record,
            on_epoch=on_epoch,
            on_step=on_step,
            resume=self.resume,
            teaching=self.teaching,
        )

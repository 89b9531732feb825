"""Trains a baseline epoch by epoch, and goes on from a checkpoint exactly as if it had never been broken off."""

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from devices.errors import EdgekitError
from train.baselines.adapter import Baseline, Objects
from train.baselines.pictures import Sample, learnt, mirrored
from train.baselines.scoring import scored
from train.baselines.settings import BaselineSettings
from train.checkpoints import load_state, save_state
from train.diverged import DivergedError
from train.epochs import EpochRecord
from train.run_folders import BEST, LAST
from train.schedules import share_by_epoch
from train.settings import Schedule

_MOST_NORM = 10.0  # of the gradient; larger ones are cut


class BaselineTraining:
    """The state of a training between two epochs; everything random is drawn from the seed and the epoch's number.

    Args:
        baseline: Fresh, or to be filled by `resume`.
        settings: What decides the training.
        classes: Names in the order of their ids.
        learn: To learn from.
        val: To score on.
        skip_bad: Leave out, and count, pictures that cannot be read any more.
    """

    def __init__(
        self,
        baseline: Baseline,
        settings: BaselineSettings,
        classes: Sequence[str],
        *,
        learn: Sequence[Sample],
        val: Sequence[Sample],
        skip_bad: bool,
    ) -> None:
        self.epochs_done = 0
        self._best = -1.0
        self._baseline = baseline
        self._settings = settings
        self._classes = classes
        self._learn = learn
        self._val = val
        self._skip_bad = skip_bad
        self._unread: dict[str, None] = {}
        self._optimiser = torch.optim.AdamW(
            baseline.module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return math.ceil(len(self._learn) / self._settings.batch)

    def run_epoch(self, on_step: Callable[[], None] = lambda: None) -> EpochRecord:
        """Train through all pictures once and score the result.

        Raises:
            EdgekitError: A picture cannot be read, or the loss became NaN.
        """
        number = self._settings.seed * 10_000 + self.epochs_done + 1
        torch.manual_seed(number)  # proposals and dropout draw from the global one
        chance = random.Random(number)  # noqa: S311 - repeatable on purpose
        order = chance.sample(list(self._learn), len(self._learn))
        self._baseline.module.train()
        total, taken, norm = 0.0, 0, 0.0
        for step in range(self.steps):
            self._set_rate(step)
            batch = self._batch(order[step * self._settings.batch :][: self._settings.batch], chance)
            if batch:
                loss, norm = self._step(batch)
                total, taken = total + loss, taken + 1
            on_step()
        if not taken:
            raise EdgekitError("no picture could be read in this epoch: look at the set with `edgekit data check`")
        self.epochs_done += 1
        boxes, masks = scored(self._baseline, self._settings, self._classes, self._val)
        return EpochRecord(
            epoch=self.epochs_done,
            losses={"loss": total / taken},
            learning_rate=float(self._optimiser.param_groups[0]["lr"]),
            gradient_norm=norm,
            ap50={name: score.map50 for name, score in boxes.items()},
            ap={name: score.map50_95 for name, score in boxes.items()},
            mask_ap50={name: score.map50 for name, score in masks.items()},
            mask_ap={name: score.map50_95 for name, score in masks.items()},
            unread=tuple(self._unread),
        )

    def save(self, out: Path, record: EpochRecord) -> None:
        """Write the checkpoints, the best one where this epoch is it.

        Raises:
            EdgekitError: They cannot be written; those of before are as they were.
        """
        reached = next(iter(record.scores.values()))
        if reached > self._best:
            self._best = reached
            save_state(self._baseline.module.state_dict(), out / BEST)
        state = {
            "epoch": record.epoch,
            "best": self._best,
            "weights": self._baseline.module.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        save_state(state, out / LAST)

    def resume(self, out: Path) -> None:
        """Take up the state of the last checkpoint; nothing in it is run.

        Raises:
            EdgekitError: It cannot be read, or is not of this training.
        """
        state = load_state(out / LAST)
        try:
            self._baseline.module.load_state_dict(state["weights"])
            self._optimiser.load_state_dict(state["optimiser"])
            self.epochs_done, self._best = int(state["epoch"]), float(state["best"])
        except (KeyError, RuntimeError, ValueError) as exc:
            raise EdgekitError(f"{out / LAST} is not of this run: train it anew") from exc

    def _set_rate(self, step: int) -> None:
        """Set the learning rate; it rises over the first half epoch, since the heads begin with random weights."""
        share = share_by_epoch(Schedule.COSINE, 0.01, self._settings.epochs)
        warm = min(1.0, 2 * (self.epochs_done * self.steps + step + 1) / self.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = self._settings.learning_rate * warm * share(self.epochs_done + step / self.steps)

    def _batch(self, batch: Sequence[Sample], chance: random.Random) -> list[tuple[Tensor, Objects]]:
        """Return pictures and what stands in them, those left out that cannot be read."""
        samples: list[tuple[Tensor, Objects]] = []
        for sample in batch:
            flipped = chance.random() < self._settings.flip
            try:
                picture, objects = learnt(sample, len(self._classes), self._settings.input_px)
            except EdgekitError as exc:
                if not self._skip_bad:
                    raise EdgekitError(f"{exc}; mend it, or leave such pictures out with --skip-bad") from exc
                self._unread[sample.picture.name] = None
                continue
            samples.append(mirrored(picture, objects) if flipped else (picture, objects))
        return samples

    def _step(self, batch: Sequence[tuple[Tensor, Objects]]) -> tuple[float, float]:
        """Move the weights, and return loss and gradient's norm."""
        loss = self._baseline.loss(torch.stack([picture for picture, _ in batch]), [objects for _, objects in batch])
        if not torch.isfinite(loss):
            epoch = self.epochs_done + 1
            raise DivergedError(f"the loss became NaN or infinite in epoch {epoch}: lower the learning rate")
        self._optimiser.zero_grad()
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(self._baseline.module.parameters(), _MOST_NORM))
        self._optimiser.step()
        return float(loss.detach()), norm

"""Trains a classifier, alone or taught, into a folder that tells how it was made and from which it can go on."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from devices.errors import EdgekitError
from edge.model.taxonomy import Taxonomy
from train.checkpoints import load_state, save_state
from train.classifier.augment import augment, mix
from train.classifier.depthwise import FastDepthwise
from train.classifier.freezing import freeze_stages
from train.classifier.losses import label_loss, teacher_loss
from train.classifier.network import TagNetwork, split_columns
from train.classifier.pictures import Pictures, smoothed
from train.classifier.record import ClassifierEpoch
from train.classifier.sampling import draws_of, value_weights
from train.classifier.scores import accuracies, logits_of
from train.classifier.settings import ClassifierSettings, ScheduleSettings
from train.classifier.teacher import Teacher
from train.run_folders import BEST, LAST

GRADIENT_BOUND = 5.0  # clipped to this norm: one bad batch must not undo an epoch


class Training:
    """The state of a training between two epochs.

    Everything random in an epoch is drawn from the seed and the epoch's number, so that a resumed run goes on exactly
    as one that was never broken off.

    Args:
        network: Fresh, or to be filled by `resume`.
        settings: All that decides the training.
        taxonomy: Its attributes.
        learn: The pictures to learn from.
        held: The pictures to score on.
        teacher: None for a training by labels alone.
        unlabelled: (N, 3, H, W) uint8 RGB pictures that the teacher alone knows something of; may be empty.
    """

    def __init__(
        self,
        network: TagNetwork,
        settings: ClassifierSettings,
        taxonomy: Taxonomy,
        *,
        learn: Pictures,
        held: Pictures,
        teacher: Teacher | None,
        unlabelled: torch.Tensor,
    ) -> None:
        self.network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - torch's stub lacks it
        self.average = torch.optim.swa_utils.AveragedModel(
            network, avg_fn=_averaging(settings.schedule.average_decay), use_buffers=True
        )
        self.epochs_done = 0
        self.best = -1.0
        self._settings = settings
        self._taxonomy = taxonomy
        self._learn = learn
        self._held = held
        self._teacher = teacher
        self._unlabelled = unlabelled
        self._weights = value_weights(learn.targets, taxonomy) if settings.schedule.imbalance == "weights" else None
        self._frozen = freeze_stages(
            network.backbone, settings.network.freeze_stages, bf16=settings.precision == "mixed"
        )
        self._optimiser = create_optimiser(network, settings.schedule)
        self._peaks = [float(group["lr"]) for group in self._optimiser.param_groups]

    @property
    def kept(self) -> TagNetwork:
        """The network that is scored and saved: the moving average of the weights, where there is one."""
        average: Any = self.average.module
        return average if self._settings.schedule.average_decay else self.network

    def run_epoch(self, advance: Callable[[], None] = lambda: None) -> ClassifierEpoch:
        """Train through all pictures once and score the result.

        Raises:
            EdgekitError: The loss or the gradient is no number.
        """
        generator = torch.Generator().manual_seed(hash((self._settings.seed, self.epochs_done)) & 0x7FFFFFFF)
        torch.manual_seed(int(torch.randint(1 << 31, (1,), generator=generator)))  # dropout draws from the global one
        batches = list(self._batches(generator))
        totals: dict[str, float] = {}
        norm = 0.0
        self.network.train()
        if self._settings.schedule.backbone_rate == 0:
            self.network.backbone.eval()
        for module in self._frozen:
            module.eval()
        for step, rows in enumerate(batches):
            self._set_rates(self.epochs_done + step / len(batches))
            losses = self._losses(rows, generator)
            norm = self._step(losses, step)
            for name, loss in losses.items():
                totals[name] = totals.get(name, 0.0) + float(loss.detach()) / len(batches)
            advance()
        self.epochs_done += 1
        accuracy = accuracies(logits_of(self.kept, self._held.images), self._held, self._taxonomy)
        rate = max(float(group["lr"]) for group in self._optimiser.param_groups)
        return ClassifierEpoch(
            epoch=self.epochs_done, losses=totals, learning_rate=rate, gradient_norm=norm, accuracy=dict(accuracy)
        )

    def save(self, out: Path, record: ClassifierEpoch) -> None:
        """Write the checkpoints, the best one where this epoch is it.

        Raises:
            EdgekitError: They cannot be written; those of before are as they were.
        """
        reached = sum(record.accuracy.values()) / len(record.accuracy)
        if reached > self.best:
            self.best = reached
            save_state({"epoch": record.epoch, "network": self.kept.state_dict()}, out / BEST)
        state = {
            "epoch": record.epoch,
            "best": self.best,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        save_state(state, out / LAST)

    def resume(self, out: Path) -> None:
        """Take up the state of the last checkpoint.

        Raises:
            EdgekitError: There is none, or it is not of this network.
        """
        state = load_state(out / LAST)
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self._optimiser.load_state_dict(state["optimiser"])
            self.epochs_done, self.best = int(state["epoch"]), float(state["best"])
        except (KeyError, RuntimeError, ValueError) as exc:
            raise EdgekitError(f"{out / LAST} is not of this network: train into a new folder") from exc

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return len(list(self._batches(torch.Generator().manual_seed(0))))

    def _batches(self, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Yield the rows of each batch; those from the number of labelled pictures on are of the unlabelled ones."""
        rows = draws_of(self._learn.targets, self._taxonomy, self._settings.schedule.imbalance, generator)
        extra = torch.arange(len(self._unlabelled)) + len(self._learn)
        rows = torch.cat([rows, extra])[torch.randperm(len(rows) + len(extra), generator=generator)]
        for batch in rows.split(self._settings.schedule.batch):
            if len(batch) > 1:  # batch norm needs two
                yield batch

    def _losses(self, rows: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        settings = self._settings
        labelled = rows[rows < len(self._learn)]
        images = torch.cat(
            [self._learn.images[labelled], self._unlabelled[rows[rows >= len(self._learn)] - len(self._learn)]]
        )
        targets = self._learn.targets[labelled]
        side = settings.side_of(self.epochs_done)
        size = max(side, self._teacher.side if self._teacher is not None else 0)
        pictures = augment(images, size, settings.augment, generator)
        if len(labelled) == len(rows) and float(torch.rand(1, generator=generator)) < settings.augment.mix:
            pictures, targets = mix(pictures, targets, generator)
        taught = self._teacher.scores(pictures, settings.teaching.temperature) if self._teacher is not None else None
        if size != side:
            pictures = torch.nn.functional.interpolate(
                pictures, (side, side), mode="bilinear", antialias=True, align_corners=False
            )
        with FastDepthwise(), torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
            logits = self.network(pictures.contiguous(memory_format=torch.channels_last))
        return self._parts(logits.float(), targets, taught)

    def _parts(
        self, logits: torch.Tensor, targets: torch.Tensor, taught: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """Return the weighted parts of the loss by name."""
        schedule, teaching = self._settings.schedule, self._settings.teaching
        learnt = self._taxonomy.learnt
        share = teaching.weight if taught is not None else 0.0
        parts: dict[str, torch.Tensor] = {}
        known = len(targets)
        wanted = split_columns(smoothed(targets, self._taxonomy, schedule.label_smoothing), learnt)
        weights = split_columns(self._weights[None], learnt) if self._weights is not None else None
        said = split_columns(logits, learnt)
        for index, ((part, attribute), (aim, _)) in enumerate(zip(said, wanted, strict=True)):
            if known and share < 1:
                parts[attribute.name] = (1 - share) * label_loss(
                    part[:known],
                    aim,
                    multiple=attribute.multiple,
                    weights=weights[index][0][0] if weights is not None else None,
                    focal=schedule.imbalance == "focal",
                )
            if taught is not None:
                theirs = split_columns(taught, learnt)[index][0]
                hard = torch.cat([aim, theirs[known:]])
                loss = (
                    torch.nn.functional.binary_cross_entropy_with_logits(part / teaching.temperature, theirs)
                    if attribute.multiple
                    else teacher_loss(teaching.loss, part, theirs, hard, teaching.temperature)
                )
                parts[f"teacher/{attribute.name}"] = share * loss
        if schedule.l1:
            parts["l1"] = schedule.l1 * self.network.head.weight.abs().sum()
        return parts

    def _step(self, losses: dict[str, torch.Tensor], step: int) -> float:
        """Move the weights, and return the gradient's norm.

        Raises:
            EdgekitError: It is no number, or the loss is none.
        """
        bad = [name for name, loss in losses.items() if not torch.isfinite(loss)]
        total: Any = sum(losses.values())
        total.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_BOUND))
        if bad or not math.isfinite(norm):
            rate = max(float(group["lr"]) for group in self._optimiser.param_groups)
            raise EdgekitError(
                f"{', '.join(bad) or 'the gradient'} became NaN or infinite in epoch {self.epochs_done + 1}, step "
                f"{step + 1}, at learning rate {rate:.3g}: lower the learning rate; the last good checkpoint is kept"
            )
        self._optimiser.step()
        self._optimiser.zero_grad()
        self.average.update_parameters(self.network)
        return norm

    def _set_rates(self, epoch: float) -> None:
        """Set the learning rates for a moment, in epochs since the start: a linear rise, then a cosine."""
        schedule = self._settings.schedule
        if epoch < schedule.warmup_epochs:
            share = (epoch + 1e-3) / schedule.warmup_epochs
        else:
            left = max(1e-6, schedule.epochs - schedule.warmup_epochs)
            share = 0.5 * (1 + math.cos(math.pi * (epoch - schedule.warmup_epochs) / left))
        for group, peak in zip(self._optimiser.param_groups, self._peaks, strict=True):
            group["lr"] = peak * share


def create_optimiser(network: TagNetwork, schedule: ScheduleSettings) -> torch.optim.Optimizer:
    """Return the optimiser of a network: head and backbone have rates of their own, norms and biases no decay."""
    groups: list[dict[str, Any]] = []
    parts = (("head", network.head, 1.0), ("backbone", network.backbone, schedule.backbone_rate))
    for name, module, share in parts:
        for plain in (False, True):
            values = [
                parameter
                for parameter in module.parameters()
                if parameter.requires_grad and (parameter.ndim <= 1) == plain
            ]
            if share == 0:
                for parameter in values:
                    parameter.requires_grad = False
            elif values:
                decay = 0.0 if plain else schedule.weight_decay
                rate = schedule.learning_rate * share
                groups.append({"params": values, "lr": rate, "weight_decay": decay, "name": f"{name}/{plain}"})
    match schedule.optimiser:
        case "sgd":
            return torch.optim.SGD(groups, momentum=0.9, nesterov=True)
        case "adam" | "adamw":
            return (torch.optim.Adam if schedule.optimiser == "adam" else torch.optim.AdamW)(groups)
        case "adadelta" | "adagrad":
            return (torch.optim.Adadelta if schedule.optimiser == "adadelta" else torch.optim.Adagrad)(groups)


def _averaging(decay: float) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor | int], torch.Tensor]:
    """Return a moving average that follows faster while it is young, so that it forgets the random start."""

    def average(before: torch.Tensor, now: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
        share = min(decay, (1 + float(count)) / (10 + float(count)))
        return before * share + now * (1 - share)

    return average

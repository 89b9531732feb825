"""ultralytics' trainer and validator, taught partial labels, checkpoints that a crash spares, and causes of NaN."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
import torch
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import torch_safe_load
from ultralytics.utils import RANK
from ultralytics.utils.torch_utils import strip_optimizer, unwrap_model

from devices.errors import EdgekitError
from train import model_shape
from train.averaging import decay_over
from train.checkpoints import keep
from train.distillation import TaughtCriterion, Teacher
from train.diverged import DivergedError
from train.fitted_pictures import FittedDataset, UnreadPictures
from train.half_precision import FullPrecisionCriterion
from train.outline_heads import tells_outlines
from train.partial_labels import MaskedBCEWithLogits, PartialLabels, class_mask
from train.run_folders import CONFIG
from train.schedules import share_by_epoch
from train.settings import Precision, TrainSettings
from train.yolo_pictures import adapt, draw_by_weight
from train.yolo_validator import PartialValidator

RECORD = "edgekit_run"  # of a finished run's checkpoints: its config.json, as text
MOST_NAMED = 6  # pictures that an error names
OTHERS: Mapping[str, Any] = {"Adadelta": torch.optim.Adadelta, "Adagrad": torch.optim.Adagrad}


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """What one epoch came to; average precisions by class name, on the sets that label the class, masks' where told."""

    epoch: int
    losses: Mapping[str, float]
    learning_rate: float
    gradient_norm: float
    ap50: Mapping[str, float]
    ap: Mapping[str, float]
    mask_ap50: Mapping[str, float]
    mask_ap: Mapping[str, float]


class OnCpus(torch.nn.parallel.DistributedDataParallel):
    """A model whose processes compute on CPUs, and so have no devices by number."""

    def __init__(self, module: torch.nn.Module, device_ids: Any = None, **options: Any) -> None:
        del device_ids
        super().__init__(module, **options)


class PartialTrainer(DetectionTrainer):
    """Trains on sets that label different classes.

    Pictures are mixed (mosaic, mixup) only with pictures of sets with the same labelled classes, so that one mask
    holds for the whole of a mixed picture. An epoch is first recorded, then saved, then told, so that a crash between
    any two leaves a record that the resumed run can set right.
    """

    partial: PartialLabels
    settings: TrainSettings
    unread: UnreadPictures
    record: Callable[[EpochMetrics], None]
    teacher: Teacher | None = None
    validator_kind: type[PartialValidator] = PartialValidator
    gradient_norm = 0.0
    _pictures: tuple[str, ...] = ()
    _step = 0

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:  # noqa: FBT001, FBT002 - as ultralytics calls it
        """Return the model to train: a pruned one as it is, any other built anew from its description.

        Raises:
            EdgekitError: The checkpoint was pruned by something else, or for other classes, or tells outlines.
        """
        if weights is None:
            return super().get_model(cfg, weights, verbose)
        self.check_head(weights.yaml)
        if model_shape.was_pruned_here(weights):
            return model_shape.kept(weights, int(self.data["nc"]))
        model_shape.check_described(weights)
        return super().get_model(cfg, weights, verbose)

    def _setup_ddp(self) -> None:
        """Join the other processes: over gloo on CPUs, where ultralytics knows GPUs alone."""
        if self.device.type != "cpu":
            super()._setup_ddp()
            return
        torch.distributed.init_process_group("gloo", rank=RANK, world_size=self.world_size)
        torch.nn.parallel.DistributedDataParallel = OnCpus  # this process is only there for this training

    def check_head(self, description: Any) -> None:
        """Check that a checkpoint's head is one that this training trains.

        Raises:
            EdgekitError: It tells outlines, which would be lost.
        """
        if tells_outlines(description):
            raise EdgekitError(f"{self.settings.weights} tells outlines too: train it with --outlines")

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Build a dataset of pictures fitted into the input, mixed only with others of the same labelled classes."""
        training = mode == "train"
        dataset: Any = FittedDataset(
            img_path,
            self.args,
            self.data,
            size=self.settings.input_size,
            batch=batch,
            augment=training,
            unread=self.unread,
        )
        if training:
            adapt(dataset, self.partial.labelled, self.settings)
        return dataset

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Return a loader that draws training pictures as the balance asked for wants it."""
        loader: Any = super().get_dataloader(dataset_path, batch_size, rank, mode)
        if mode == "train" and self.settings.balanced_sampling > 0:
            draw_by_weight(loader, self.settings)
        return loader

    def _close_dataloader_mosaic(self) -> None:
        """Build the transforms anew, without mosaic, and adapt them again."""
        super()._close_dataloader_mosaic()
        loader: Any = self.train_loader
        adapt(loader.dataset, self.partial.labelled, self.settings)

    def build_optimizer(self, model: Any, name: str = "auto", *args: Any, **kwargs: Any) -> Any:
        """Return the optimiser asked for, those too that ultralytics does not know, with its groups of parameters."""
        if name not in OTHERS:
            return super().build_optimizer(model, name, *args, **kwargs)
        stock: Any = super().build_optimizer(model, "AdamW", *args, **kwargs)
        kept = ("params", "lr", "weight_decay", "param_group")
        return OTHERS[name]([{key: group[key] for key in kept} for group in stock.param_groups])

    def _setup_train(self) -> None:
        """Set up as usual, then average the weights as asked for, and let channels come last where that is faster."""
        super()._setup_train()
        if self.settings.averaged_moves is not None:
            average: Any = self.ema
            average.decay = decay_over(self.settings.averaged_moves)
        if self.settings.precision is Precision.BF16:
            model: Any = self.model
            model.to(memory_format=torch.channels_last)

    def _setup_scheduler(self) -> None:
        """Let the learning rate fall as asked for."""
        self.lf = share_by_epoch(self.settings.schedule, self.settings.final_share, self.epochs)
        optimizer: Any = self.optimizer
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=self.lf)

    def resume_training(self, ckpt: Any) -> None:
        """Go on, with the patience that is left rather than all of it anew."""
        super().resume_training(ckpt)
        if self.resume and self.best.exists():
            stopper: Any = self.stopper
            stopper.best_fitness = self.best_fitness or 0.0
            stopper.best_epoch = int(torch_safe_load(self.best, safe_only=True)[0]["epoch"]) + 1

    def get_validator(self) -> Any:
        """Return a validator that scores each class only where it is labelled."""
        stock = super().get_validator()
        validator = self.validator_kind(
            stock.dataloader, save_dir=stock.save_dir, args=stock.args, _callbacks=self.callbacks
        )
        validator.partial = self.partial
        return validator

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Prepare a batch, and tell the loss which classes are known on each of its pictures."""
        batch = super().preprocess_batch(batch)
        self._pictures = tuple(batch["im_file"])
        self._step += 1
        wrapped: Any = self.model
        model: Any = unwrap_model(wrapped)
        if getattr(model, "criterion", None) is None:
            model.criterion = self._criterion(model)
        if self.settings.precision is Precision.BF16:
            batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
        if self.partial.masked:
            mask = class_mask([self.partial.labelled(picture) for picture in batch["im_file"]], int(self.data["nc"]))
            for part in loss_parts(model.criterion):
                if not isinstance(part.bce, MaskedBCEWithLogits):
                    part.bce = MaskedBCEWithLogits()
                part.bce.set_mask(mask.to(self.device))
        return batch

    def _criterion(self, model: Any) -> Any:
        """Return the model's own loss, in full precision whatever the network computes in, and with a teacher's."""
        criterion = model.init_criterion()
        if self.settings.precision is Precision.BF16:
            criterion = FullPrecisionCriterion(criterion)
        return criterion if self.teacher is None else TaughtCriterion(criterion, self.teacher)

    def optimizer_step(self) -> None:
        """Refuse losses and gradients that are no numbers, before they reach the weights; then step as usual."""
        self.refuse_nan()
        trained = [parameter.grad for parameter in self.model_parameters if parameter.grad is not None]
        self.gradient_norm = float(torch.nn.utils.get_total_norm(trained)) / float(self.scaler.get_scale())
        if not self.scaler.is_enabled() and not math.isfinite(self.gradient_norm):
            raise DivergedError(self._not_finite("the gradient"))
        super().optimizer_step()

    def refuse_nan(self) -> None:
        """Stop where the loss of the batch at hand is no number.

        Raises:
            DivergedError: It names the loss, the step, the learning rate and the pictures.
        """
        if not torch.isfinite(self.loss_tensor).all():
            items: Any = self.loss_items
            parts: dict[str, Any] = items
            bad = [name for name, value in parts.items() if not torch.isfinite(torch.as_tensor(value)).all()]
            raise DivergedError(self._not_finite(", ".join(bad) or "the loss"))

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps the run has behind it, those before a resumption too, and how many it has at most."""
        loader: Any = self.train_loader
        return self.start_epoch * len(loader) + self._step, self.epochs * len(loader)

    @property
    def loss_tensor(self) -> torch.Tensor:
        """The loss of the batch at hand, a sum over its parts."""
        loss: Any = self.loss
        return loss

    @property
    def model_parameters(self) -> list[torch.nn.Parameter]:
        """All parameters of the model."""
        model: Any = self.model
        return list(model.parameters())

    def _not_finite(self, what: str) -> str:
        rate = max(float(group["lr"]) for group in self.optimizer_groups)
        shown = ", ".join(Path(picture).name for picture in self._pictures[:MOST_NAMED])
        more = len(self._pictures) - MOST_NAMED
        kept = f"the last good checkpoint is {self.last}" if self.last.exists() else "no epoch was saved yet"
        return (
            f"{what} became NaN or infinite in epoch {self.epoch + 1}, step {self._step} of this start, at learning "
            f"rate {rate:.3g}, on {shown}{f' and {more} more' if more > 0 else ''}: lower the learning rate, or look "
            f"at these pictures' labels; {kept}"
        )

    @property
    def optimizer_groups(self) -> list[dict[str, Any]]:
        """The optimiser's groups of parameters."""
        optimizer: Any = self.optimizer
        return optimizer.param_groups

    def save_model(self) -> Literal[True]:
        """Record the epoch, then write the checkpoints beside the old ones and put them in their place at once."""
        self.record(self.epoch_metrics())
        last, best = self.last, self.best
        try:
            with keep(last) as new_last, keep(best) as new_best:  # best takes its place first
                self.last, self.best = new_last, new_best
                return super().save_model()
        finally:
            self.last, self.best = last, best

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Write no second record beside `metrics.jsonl`, which is kept in step with the checkpoint."""

    def final_eval(self) -> None:
        """Take the optimiser's state out of the checkpoints; the best one was scored when it was saved."""
        if RANK in {-1, 0}:
            strip(self.last, self.best)

    def epoch_metrics(self) -> EpochMetrics:
        """Return what the epoch at hand came to."""
        metrics: Any = getattr(self.validator, "metrics", None)
        ap50, ap = self._by_class(metrics.box)
        mask_ap50, mask_ap = self._by_class(metrics.seg) if self.settings.outlines else ({}, {})
        return EpochMetrics(
            epoch=int(self.epoch) + 1,
            losses={name: float(value) for name, value in (self.tloss or {}).items()},
            learning_rate=float(self.optimizer_groups[0]["lr"]),
            gradient_norm=self.gradient_norm,
            ap50=ap50,
            ap=ap,
            mask_ap50=mask_ap50,
            mask_ap=mask_ap,
        )

    def _by_class(self, metric: Any) -> tuple[dict[str, float], dict[str, float]]:
        """Return a metric's average precisions at an overlap of 0.5, and over all overlaps, by class name."""
        names = [self.data["names"][int(class_id)] for class_id in metric.ap_class_index]
        ap50, ap = (dict(zip(names, map(float, scores), strict=True)) for scores in (metric.ap50, metric.ap))
        return ap50, ap


def strip(last: Path, best: Path) -> None:
    """Take out of a finished run's checkpoints what only a resumed run needs, and put in what decided the run.

    A copy of the checkpoint so still tells what it learnt from. `last` goes last: as long as it can be resumed, a run
    that was broken off here can finish this.
    """
    record = last.parent.parent / CONFIG
    told = {RECORD: record.read_text("utf-8")} if record.exists() else {}
    for checkpoint in (best, last):
        with keep(checkpoint) as new:
            strip_optimizer(checkpoint, str(new), told)


def loss_parts(criterion: Any) -> list[Any]:
    """Return the single losses of a criterion: NMS-free heads have one for each of their two assignments."""
    while isinstance(criterion, TaughtCriterion | FullPrecisionCriterion):
        criterion = criterion.stock  # what is set on a loss around it would not reach the loss that is computed
    if hasattr(criterion, "one2many"):
        return [criterion.one2many, criterion.one2one]
    return [criterion]

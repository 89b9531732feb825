"""Trains YOLOs offline: gives ultralytics' trainer what a run decided, and takes back what each epoch came to."""

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial as partial_call
from pathlib import Path
from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
import torch
from ultralytics.engine import trainer as engine_trainer
from ultralytics.nn.tasks import torch_safe_load
from ultralytics.utils.torch_utils import unwrap_model

from devices.errors import EdgekitError
from train.beginning import Teaching
from train.distillation import Teacher
from train.dropout import drop_features
from train.fitted_pictures import UnreadPictures
from train.int8_rounding import learn_under_int8
from train.partial_labels import PartialLabels
from train.settings import Precision, TrainSettings
from train.yolo_models import load
from train.yolo_outlines import OutlineTrainer
from train.yolo_trainer import EpochMetrics, PartialTrainer, strip


def train(  # noqa: PLR0913 - each argument is of a kind of its own
    data_yaml: Path,
    out: Path,
    *,
    settings: TrainSettings,
    options: Mapping[str, object],
    partial: PartialLabels,
    unread: UnreadPictures,
    record: Callable[[EpochMetrics], None],
    on_epoch: Callable[[], None],
    on_step: Callable[[int, int], None],
    resume: bool = False,
    teaching: Teaching | None = None,
) -> Path:
    """Train a detector and return its best checkpoint.

    Args:
        data_yaml: The data set in ultralytics' form.
        out: The run's folder.
        settings: What decides the training, the weights to start from among it.
        options: The same and more as ultralytics' trainer names it.
        partial: Which classes each set labels.
        unread: Takes down pictures that cannot be read any more.
        record: Called with what an epoch came to before its checkpoint is written.
        on_epoch: Called after each epoch's checkpoint.
        on_step: Called after each step with how many are done, and how many there are at most.
        resume: Go on where `out`'s last checkpoint ends.
        teaching: Whom to learn from besides the labels, None for nobody.

    Raises:
        EdgekitError: The loss became NaN, there is nothing to resume, or a checkpoint cannot be loaded safely.
    """
    last = out / "weights" / "last.pt"
    if resume:
        behind = check_resumable(last)
        if behind >= settings.epochs or gave_up(last.with_name("best.pt"), behind, settings.patience):
            # Broken off between its last epoch and its end.
            strip(last, last.with_name("best.pt"))
            return last.with_name("best.pt")
    elif settings.weights.suffix == ".pt":
        load(settings.weights)  # a checkpoint that cannot be used is told before anything begins
    overrides: dict[str, Any] = {
        "model": str(last if resume else settings.weights),
        "data": str(data_yaml),
        "project": str(out.parent.resolve()),
        "name": out.name,
        "exist_ok": True,
        "device": _devices(settings.processes),
        "amp": "bf16" if torch.cuda.is_available() and settings.precision is Precision.BF16 else False,
        "resume": str(last) if resume else False,
        "verbose": False,
        **options,
    }
    trainer = (OutlineTrainer if settings.outlines else PartialTrainer)(overrides=overrides)
    if Path(trainer.save_dir).resolve() != out.resolve():
        raise EdgekitError(f"the run in {out} was begun as {trainer.save_dir}: move it back there to resume it")
    trainer.partial = partial
    trainer.settings = settings
    trainer.world_size = settings.processes if settings.processes > 1 else trainer.world_size
    trainer.unread = unread
    trainer.record = record
    if teaching is not None:
        trainer.teacher = Teacher(load(teaching.teacher).model.float(), teaching.weight)
    trainer.add_callback("on_train_start", _use_all_cores)
    trainer.add_callback("on_train_start", _drop_features)
    trainer.add_callback("on_train_start", _learn_under_int8)
    trainer.add_callback("on_train_batch_end", _refuse_nan)
    trainer.add_callback("on_train_batch_end", partial_call(_stepped, on_step=on_step))
    trainer.add_callback("on_model_save", partial_call(_told, on_epoch=on_epoch))
    try:
        with _computing_in(settings.precision):
            trainer.train()
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    return out / "weights" / "best.pt"


@contextmanager
def _computing_in(precision: Precision) -> Generator[None]:
    """Give ultralytics' trainer bf16 on a CPU, which it switches off there without a word."""
    seam: Any = engine_trainer
    stock = seam.autocast

    def autocast(enabled: Any, device: str = "cuda") -> Any:
        return torch.autocast("cpu", torch.bfloat16) if device == "cpu" else stock(enabled, device)

    seam.autocast = autocast if precision is Precision.BF16 else stock
    try:
        yield
    finally:
        seam.autocast = stock


def _devices(processes: int) -> str:
    """Return where to compute, as ultralytics names it.

    Raises:
        EdgekitError: There are GPUs, but fewer than processes.
    """
    if not torch.cuda.is_available():
        return "cpu"
    if processes > torch.cuda.device_count():
        raise EdgekitError(f"{processes} processes want a GPU each, and there are {torch.cuda.device_count()}")
    return ",".join(str(index) for index in range(processes))


def gave_up(best: Path, behind: int, patience: int) -> bool:
    """Whether a run with so many epochs behind it was ended by its patience, its best checkpoint being too old."""
    if not patience or not best.exists():
        return False
    epochs = epochs_behind(best)
    return epochs is None or behind - epochs >= patience


def check_resumable(last: Path) -> int:
    """Return how many epochs a checkpoint has behind it.

    Raises:
        EdgekitError: It cannot be read, or its run has finished.
    """
    epochs = epochs_behind(last)
    if epochs is None:
        raise EdgekitError(f"the run of {last} has finished: there is nothing to resume")
    return epochs


def epochs_behind(last: Path) -> int | None:
    """Return how many epochs the checkpoint of an unfinished run has behind it, None where the run has finished.

    Raises:
        EdgekitError: It cannot be read.
    """
    try:
        epoch = int(torch_safe_load(last, safe_only=True)[0]["epoch"])
    except Exception as exc:
        raise EdgekitError(f"{last} cannot be read as a checkpoint ({exc}): train into a new folder") from exc
    return None if epoch < 0 else epoch + 1


def _use_all_cores(trainer: Any) -> None:
    """Undo what ultralytics sets on a CPU: it leaves one core idle, which on a small machine is half of it.

    `OMP_NUM_THREADS` is heeded: on a machine that does other work too, threads that wait for one another cost more than
    they bring.
    """
    share = max(1, (os.cpu_count() or 1) // max(trainer.world_size, 1))
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or share)


def _drop_features(trainer: Any) -> None:
    """Add dropout to the model that is trained; the one that is saved was copied from it before."""
    if trainer.settings.dropout > 0:
        model: Any = unwrap_model(trainer.model)
        drop_features(model.model[-1], trainer.settings.dropout)


def _learn_under_int8(trainer: Any) -> None:
    """Let the model that is trained round as an INT8 file does; the one that is saved was copied from it before."""
    if trainer.settings.int8_weight_bits is not None:
        model: Any = unwrap_model(trainer.model)
        learn_under_int8(model, trainer.settings.int8_weight_bits)


def _refuse_nan(trainer: Any) -> None:
    trainer.refuse_nan()


def _told(trainer: Any, on_epoch: Callable[[], None]) -> None:
    del trainer
    on_epoch()


def _stepped(trainer: Any, on_step: Callable[[int, int], None]) -> None:
    on_step(*trainer.steps)

"""Trains and exports YOLOs offline; with `yolo_trainer.py` beside it, the only files that import ultralytics."""

import os
import pickle
import shutil
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial as partial_call
from pathlib import Path
from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
import numpy as np
import torch
from numpy.typing import NDArray
from ultralytics import YOLO
from ultralytics.engine import trainer as engine_trainer
from ultralytics.nn import tasks
from ultralytics.nn.tasks import torch_safe_load, yaml_model_load
from ultralytics.utils import YAML
from ultralytics.utils.torch_utils import unwrap_model

from devices.errors import EdgekitError
from edge.model.detections import Detections
from train.beginning import Teaching
from train.distillation import Teacher
from train.dropout import drop_features
from train.fitted_pictures import UnreadPictures
from train.int8_rounding import learn_under_int8
from train.partial_labels import PartialLabels
from train.settings import Precision, TrainSettings
from train.yolo_outlines import OutlineTrainer
from train.yolo_trainer import EpochMetrics, PartialTrainer, strip

# Whoever imported ultralytics before this did so without our environment, which it reads only then.
tasks.SAFE_LOAD = True  # pyright: ignore[reportPrivateImportUsage] - it looks up its own name at each load


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


def predict(weights: Path, pictures: Sequence[Path], *, size: tuple[int, int], score: float) -> Iterator[Detections]:
    """Yield what a checkpoint finds in each picture, in their order.

    Args:
        weights: The checkpoint.
        pictures: Files.
        size: Rows and columns of the input.
        score: What scores less is left out.

    Raises:
        EdgekitError: The checkpoint cannot be loaded safely.
    """
    model = load(weights)
    for picture in pictures:
        (found,) = model.predict(str(picture), imgsz=size, rect=False, conf=score, verbose=False, save=False)
        boxes: Any = found.boxes
        yield Detections(
            np.asarray(boxes.xyxy.cpu(), np.float32).reshape(-1, 4),
            np.asarray(boxes.conf.cpu(), np.float32),
            np.asarray(boxes.cls.cpu()).astype(np.int32),
        )


def load(weights: Path) -> Any:
    """Return the model of a checkpoint, or of a YAML with random weights.

    Raises:
        EdgekitError: The checkpoint cannot be read, or holds anything else than a model of ultralytics' classes.
    """
    try:
        return YOLO(str(weights))
    except (TypeError, AttributeError, KeyError, pickle.UnpicklingError, RuntimeError) as exc:
        raise EdgekitError(
            f"{weights} is no checkpoint of ultralytics that can be loaded safely ({str(exc).splitlines()[0]}): "
            "nothing in it was run; take one from a source that you trust"
        ) from exc


def export_onnx(
    weights: Path, folder: Path, *, height: int, width: int, opset: int, top_k: bool
) -> tuple[Path, tuple[str, ...]]:
    """Export a checkpoint in ultralytics' own form: float NCHW RGB in, one output.

    Args:
        weights: The checkpoint.
        folder: Where to write; ultralytics writes beside the checkpoint, so a copy is put there.
        height: Rows of the input, pixels.
        width: Columns of the input, pixels.
        opset: ONNX operator set.
        top_k: Take the NMS-free head of a model that has one.

    Returns:
        The ONNX file and the class names in the order of their ids.
    """
    copy = folder / "model.pt"
    shutil.copyfile(weights, copy)
    model = load(copy)
    options: dict[str, Any] = {"nms": False} if top_k else {}
    with warnings.catch_warnings():
        # Tracing warns of each branch on a shape; the exported input has a fixed size.
        warnings.filterwarnings("ignore", module="torch|ultralytics")
        written = model.export(
            format="onnx", imgsz=(height, width), opset=opset, simplify=True, device="cpu", **options
        )
    return Path(written), tuple(model.names[index] for index in sorted(model.names))


def save_checkpoint(model: Any, train_args: Mapping[str, Any], out: Path) -> None:
    """Write a model as a checkpoint that `load` reads, as float32.

    Args:
        model: One of ultralytics' own classes, made of its own layers alone, since nothing else is loaded.
        train_args: What it was trained with, as its own checkpoint says.
        out: The file to write.
    """
    torch.save({"epoch": -1, "model": model, "ema": None, "train_args": dict(train_args)}, out)


def has_nms_free_head(weights: Path) -> bool:
    """Whether a checkpoint's head was trained to give each object once (YOLO26)."""
    return getattr(load(weights).model.model[-1], "one2one_cv2", None) is not None


def model_yaml(name: str, classes: int, out: Path) -> Path:
    """Write the description of a model with random weights, for a training from scratch.

    Args:
        name: Of the model, its size as the last letter, e.g. `yolov8n`.
        classes: Number of classes.
        out: The file to write; ultralytics reads the model's size from its name.
    """
    YAML.save(str(out), {**yaml_model_load(f"{name}.yaml"), "nc": classes})
    return out


def detecting(weights: Path, size: tuple[int, int], score: float) -> Callable[[NDArray[np.uint8]], Detections]:
    """Return a function that tells what a checkpoint finds in a picture (H, W, 3) uint8 BGR; for one thread at a time.

    Args:
        weights: The checkpoint.
        size: Rows and columns of the input that pictures are fitted into.
        score: Detections below it are not told.

    Raises:
        EdgekitError: The checkpoint cannot be loaded safely.
    """
    model = load(weights)

    def detect(image: NDArray[np.uint8]) -> Detections:
        (result,) = model.predict(image, imgsz=size, rect=False, conf=score, device="cpu", verbose=False)
        rows = result.boxes.data.cpu().numpy()
        return Detections(rows[:, :4].astype(np.float32), rows[:, 4].astype(np.float32), rows[:, 5].astype(np.int32))

    return detect

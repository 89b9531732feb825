"""The only file that imports ultralytics: trains and exports YOLOs offline, on sets that label different classes."""

import os
import pickle
import random
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial as partial_call
from pathlib import Path
from typing import Any

# ultralytics reads these as it is imported: it must neither ask the network nor write into the home folder.
os.environ.setdefault("YOLO_OFFLINE", "True")
os.environ.setdefault("YOLO_AUTOINSTALL", "False")
os.environ["ULTRALYTICS_SAFE_LOAD"] = "True"  # a checkpoint is a pickle: nothing in it may run but known model classes
if "YOLO_CONFIG_DIR" not in os.environ:
    _config_folder = tempfile.TemporaryDirectory(prefix="edgekit-ultralytics-")  # goes with the process
    os.environ["YOLO_CONFIG_DIR"] = _config_folder.name
Path(os.environ["YOLO_CONFIG_DIR"]).mkdir(parents=True, exist_ok=True)
for _cache in ("MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR"):  # of what ultralytics imports, for the same reason
    os.environ.setdefault(_cache, os.environ["YOLO_CONFIG_DIR"])

import torch  # noqa: E402
from ultralytics import YOLO  # noqa: E402
from ultralytics.data.augment import BaseMixTransform  # noqa: E402
from ultralytics.models.yolo.detect import DetectionTrainer, DetectionValidator  # noqa: E402
from ultralytics.nn.tasks import torch_safe_load, yaml_model_load  # noqa: E402
from ultralytics.utils import YAML  # noqa: E402
from ultralytics.utils.torch_utils import unwrap_model  # noqa: E402

from devices.errors import EdgekitError  # noqa: E402
from train.partial_labels import MaskedBCEWithLogits, class_mask  # noqa: E402

SetOf = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class PartialLabels:
    """Which classes each set of a training labels.

    Attributes:
        by_set: Ids of the labelled classes by the set's name.
        set_of: Returns the set's name for the path of a picture.
        masked: Whether unlabelled classes are left out of the loss; False is the naive merge, kept to compare with.
    """

    by_set: Mapping[str, frozenset[int]]
    set_of: SetOf
    masked: bool = True

    def labelled(self, picture: str) -> frozenset[int]:
        """Return the ids of the classes that are labelled on a picture."""
        return self.by_set[self.set_of(picture)]


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """What one epoch came to; average precisions by class name, on the sets that label the class."""

    epoch: int
    losses: Mapping[str, float]
    learning_rate: float
    ap50: Mapping[str, float]
    ap: Mapping[str, float]


class PartialValidator(DetectionValidator):
    """Scores each class only on pictures of sets that label it."""

    partial: PartialLabels

    def update_metrics(self, preds: list[dict[str, Any]], batch: dict[str, Any]) -> None:
        """Drop detections of classes that are unknown on their picture, then count as usual."""
        for prediction, picture in zip(preds, batch["im_file"], strict=True):
            known = torch.tensor(sorted(self.partial.labelled(picture)), dtype=prediction["cls"].dtype)
            keep = torch.isin(prediction["cls"].cpu(), known)
            for key, column in prediction.items():
                prediction[key] = column[keep.to(column.device)]
        super().update_metrics(preds, batch)


class PartialTrainer(DetectionTrainer):
    """Trains on sets that label different classes.

    Pictures are mixed (mosaic, mixup) only with pictures of sets with the same labelled classes, so that one mask
    holds for the whole of a mixed picture.
    """

    partial: PartialLabels

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Build a dataset whose mixing stays among pictures with the same labelled classes."""
        dataset: Any = super().build_dataset(img_path, mode, batch)
        if mode == "train":
            groups: dict[frozenset[int], list[int]] = {}
            for index, picture in enumerate(dataset.im_files):
                groups.setdefault(self.partial.labelled(picture), []).append(index)
            for transform in _mixing(dataset.transforms):
                _mix_within(transform, lambda picture: groups[self.partial.labelled(picture)])
        return dataset

    def get_validator(self) -> Any:
        """Return a validator that scores each class only where it is labelled."""
        stock = super().get_validator()
        validator = PartialValidator(
            stock.dataloader, save_dir=stock.save_dir, args=stock.args, _callbacks=self.callbacks
        )
        validator.partial = self.partial
        return validator

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Prepare a batch, and tell the loss which classes are known on each of its pictures."""
        batch = super().preprocess_batch(batch)
        if self.partial.masked:
            wrapped: Any = self.model
            model: Any = unwrap_model(wrapped)
            if getattr(model, "criterion", None) is None:
                model.criterion = model.init_criterion()
            mask = class_mask([self.partial.labelled(picture) for picture in batch["im_file"]], int(self.data["nc"]))
            for part in _loss_parts(model.criterion):
                if not isinstance(part.bce, MaskedBCEWithLogits):
                    part.bce = MaskedBCEWithLogits()
                part.bce.set_mask(mask.to(self.device))
        return batch


def _loss_parts(criterion: Any) -> list[Any]:
    """Return the single losses of a criterion: NMS-free heads have one for each of their two assignments."""
    if hasattr(criterion, "one2many"):
        return [criterion.one2many, criterion.one2one]
    return [criterion]


def _mixing(transforms: Any) -> list[Any]:
    """Return every transform that mixes in other pictures, nested ones too."""
    found: list[Any] = []
    for transform in getattr(transforms, "transforms", []):
        if isinstance(transform, BaseMixTransform):
            found.append(transform)
        found += _mixing(transform)
        found += _mixing(getattr(transform, "pre_transform", None))
    return found


def _mix_within(transform: Any, partners: Callable[[str], Sequence[int]]) -> None:
    """Make a mixing transform choose its partners among those allowed for the picture at hand."""
    stock = transform.get_params
    count = 1 if isinstance(transform.get_indexes(), int) else len(transform.get_indexes())

    def get_params(labels: dict[str, Any]) -> dict[str, Any]:
        allowed = partners(labels["im_file"])
        chosen = random.choices(allowed, k=count)  # noqa: S311 - augmentation, seeded by the trainer
        transform.get_indexes = lambda: chosen
        return stock(labels)

    transform.get_params = get_params


def train(
    weights: Path,
    data_yaml: Path,
    out: Path,
    *,
    partial: PartialLabels,
    options: Mapping[str, Any],
    on_epoch: Callable[[EpochMetrics], None],
    resume: bool = False,
) -> Path:
    """Train a detector and return its best checkpoint.

    Args:
        weights: A checkpoint to start from, or a model's YAML for random weights.
        data_yaml: The data set in ultralytics' form.
        out: The run's folder.
        partial: Which classes each set labels.
        options: Further options of ultralytics' trainer, by its names.
        on_epoch: Called after each epoch with what it came to.
        resume: Go on where `out`'s last checkpoint ends.

    Raises:
        EdgekitError: The loss became NaN, there is nothing to resume, or the checkpoint cannot be loaded safely.
    """
    last = out / "weights" / "last.pt"
    if resume:
        check_resumable(last)
    elif weights.suffix == ".pt":
        load(weights)  # a checkpoint that cannot be used is told before anything begins
    overrides: dict[str, Any] = {
        "model": str(last if resume else weights),
        "data": str(data_yaml),
        "project": str(out.parent.resolve()),
        "name": out.name,
        "exist_ok": True,
        "device": "cpu" if not torch.cuda.is_available() else "0",
        "amp": torch.cuda.is_available(),
        "resume": str(last) if resume else False,
        "verbose": False,
        **options,
    }
    trainer = PartialTrainer(overrides=overrides)
    if Path(trainer.save_dir).resolve() != out.resolve():
        raise EdgekitError(f"the run in {out} was begun as {trainer.save_dir}: move it back there to resume it")
    trainer.partial = partial
    trainer.add_callback("on_train_start", _use_all_cores)
    trainer.add_callback("on_train_batch_end", _refuse_nan)
    trainer.add_callback("on_fit_epoch_end", partial_call(_tell, on_epoch=on_epoch))
    trainer.train()
    return out / "weights" / "best.pt"


def check_resumable(last: Path) -> None:
    """Refuse a checkpoint that ultralytics would meet with an assertion or a misleading error."""
    try:
        epoch = int(torch_safe_load(last, safe_only=True)[0]["epoch"])
    except Exception as exc:
        raise EdgekitError(f"{last} cannot be read as a checkpoint ({exc}): train into a new folder") from exc
    if epoch < 0:
        raise EdgekitError(f"the run of {last} has finished: there is nothing to resume")


def _use_all_cores(trainer: Any) -> None:
    """Undo what ultralytics sets on a CPU: it leaves one core idle, which on a small machine is half of it."""
    del trainer
    torch.set_num_threads(os.cpu_count() or 1)


def _refuse_nan(trainer: Any) -> None:
    if not torch.isfinite(trainer.loss).all():
        raise EdgekitError(
            f"the loss became NaN or infinite in epoch {trainer.epoch + 1}: lower the learning rate; "
            f"the last good checkpoint is {trainer.last}"
        )


def _tell(trainer: Any, on_epoch: Callable[[EpochMetrics], None]) -> None:
    if trainer.epoch < trainer.epochs:  # the check of the best checkpoint at the end reports itself as one more epoch
        on_epoch(_metrics(trainer))


def _metrics(trainer: Any) -> EpochMetrics:
    box = trainer.validator.metrics.box
    names = trainer.data["names"]
    return EpochMetrics(
        epoch=int(trainer.epoch) + 1,
        losses={name: float(value) for name, value in (trainer.tloss or {}).items()},
        learning_rate=float(trainer.optimizer.param_groups[0]["lr"]),
        ap50={names[int(c)]: float(box.ap50[row]) for row, c in enumerate(box.ap_class_index)},
        ap={names[int(c)]: float(box.ap[row]) for row, c in enumerate(box.ap_class_index)},
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

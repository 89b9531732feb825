"""What is pruned, a detector or a classifier, and all in which the one is gone about otherwise than the other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from compress.model_size import ModelSize
from compress.prune import Prunable
from compress.pruning_record import PruneRequest, Target
from train.epochs import TrainingEpoch

START = "start"  # folder of what a pruned run began with
UNPRUNED, PRUNED, TEACHER = "unpruned", "pruned", "teacher"  # what is kept there


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command asks for; None stands for the subject's own.

    Attributes:
        target: How far to prune.
        height: Rows of the input to count and measure for.
        width: Columns of that input.
        top_k: Count and measure a YOLO26's NMS-free head.
        engine: To measure with.
        distillation: Weight of the teacher in the loss.
    """

    target: Target
    height: int | None = None
    width: int | None = None
    top_k: bool = False
    engine: str = "openvino"
    distillation: float | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a command says of the training that follows; None stands for the source run's own.

    Attributes:
        epochs: Times through all pictures.
        learning_rate: Its highest.
        input_px: Side of the training input.
        batch: Pictures in a step.
        most_pictures: Training pictures of each set.
        seed: Of everything random.
        teachers: Others to learn from than the unpruned model itself.
        skip_bad: Leave out pictures and labels that cannot be used.
        on_epoch: Called after each epoch.
    """

    epochs: int = 8
    learning_rate: float | None = None
    input_px: int | None = None
    batch: int | None = None
    most_pictures: int | None = None
    seed: int = 0
    teachers: tuple[Path, ...] = ()
    skip_bad: bool = False
    on_epoch: Callable[[TrainingEpoch], None] = lambda _: None


class Subject(Protocol):
    """A trained model, the pictures that it recovers on, and whom it learns from.

    A model is kept at a path: a detector's is a checkpoint, a classifier's the folder of a run or what looks like one.
    """

    suffix: ClassVar[str]  # of what is kept in `START`

    def request(self, wanted: Wanted) -> PruneRequest:
        """Return what is asked for in full.

        Raises:
            EdgekitError: It is not possible for such a model.
        """
        ...

    def prunable(self, request: PruneRequest) -> Prunable:
        """Return the model taken apart.

        Raises:
            EdgekitError: It cannot be pruned, or sets or teachers are not of what it tells.
        """
        ...

    def unpruned_sha256(self) -> str:
        """Return the digest of the checkpoint that is pruned."""
        ...

    def teachers_sha256(self) -> tuple[str, ...]:
        """Return the digests of the checkpoints that are learnt from; the unpruned one's where there is no other."""
        ...

    def keep(self, start: Path) -> None:
        """Copy the unpruned model and its teachers into a folder."""
        ...

    def save(self, model: Any, path: Path) -> None:
        """Keep a pruned model, so that it can be trained and exported in its shape."""
        ...

    def kept(self, out: Path) -> Path:
        """Return where the trained model is kept in the new run's folder."""
        ...

    def size(self, path: Path, request: PruneRequest) -> ModelSize:
        """Return what a kept model weighs and computes."""
        ...

    def export(self, path: Path, file: Path, request: PruneRequest) -> None:
        """Export a kept model to an ONNX file of the request's input."""
        ...

    def recover(self, out: Path, request: PruneRequest) -> None:
        """Train the pruned model in the new run's folder, from where that was broken off, to its last epoch.

        Raises:
            EdgekitError: It cannot be trained.
        """
        ...

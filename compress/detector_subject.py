"""A detector that is pruned: a checkpoint of ultralytics, recovered by `train detector`."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from compress.model_size import ModelSize
from compress.prunable_detector import PrunableDetector, size_of
from compress.prune import Prunable
from compress.pruning_record import PRUNING_RECORD, PruneRequest, option_of
from compress.pruning_subject import PRUNED, START, TEACHER, UNPRUNED, Recovery, Wanted
from compress.source import Source
from compress.teaching import check_teacher
from devices.errors import EdgekitError
from devices.validation import checked
from edge.evaluate.dataset import DetectionSet, open_set
from edge.evaluate.tagged_set import TAGS_RECORD
from train import yolo_models as yolo
from train.beginning import Beginning, Teaching
from train.checkpoints import checkpoint_sha256
from train.detector import TrainSettings, train_detector
from train.epochs import METRICS
from train.export import export_onnx
from train.model_shape import mark_pruned
from train.run_folders import BEST, CONFIG, LAST
from train.yolo_training import epochs_behind

# What may lie in the folder of a run that was broken off before its first epoch ended.
_OWN = frozenset({START, PRUNING_RECORD, CONFIG, METRICS, "build", "weights", "args.yaml"})


@dataclass(frozen=True, slots=True)
class DetectorSubject:
    """A detector, the sets that it recovers on, and its teacher.

    Attributes:
        source: What is pruned.
        sets: To train on; their classes have to be the checkpoint's.
        recovery: What is said of the training.
    """

    suffix: ClassVar[str] = ".pt"

    source: Source
    sets: Sequence[DetectionSet]
    recovery: Recovery

    @classmethod
    def open(cls, path: Path, folders: Sequence[Path], recovery: Recovery) -> "DetectorSubject":
        """Open a run's folder or a checkpoint, and sets.

        Raises:
            EdgekitError: One of them cannot be opened.
        """
        source = Source.open(path)
        for folder in folders:
            if (folder / TAGS_RECORD).exists():
                raise EdgekitError(f"{folder} is a tagged set: the detector {path} recovers on a detection set")
        return cls(source, [open_set(folder) for folder in folders], recovery)

    def request(self, wanted: Wanted) -> PruneRequest:
        """Return what is asked for in full: for the input of the training, with a teacher of full weight."""
        rows, columns = self._settings().input_size
        return checked(
            PruneRequest,
            target=wanted.target,
            height=wanted.height or rows,
            width=wanted.width or columns,
            top_k=wanted.top_k,
            engine=wanted.engine,
            distillation=1.0 if wanted.distillation is None else wanted.distillation,
        )

    def prunable(self, request: PruneRequest) -> Prunable:
        """Return the checkpoint's model taken apart; it, its sets and its teacher have to tell the same classes."""
        if not self.sets:
            raise EdgekitError("a pruned model has to be trained to recover: name a set to train on")
        if len(self.recovery.teachers) > 1:
            raise EdgekitError("a detector learns from one teacher: name one")
        weights, classes = self.source.weights, self.sets[0].description.classes
        model = yolo.load(weights).model.float()
        prunable = PrunableDetector.of(model, weights, height=request.height, width=request.width, top_k=request.top_k)
        _check_classes(model, weights, classes)
        for teacher in self.recovery.teachers:
            check_teacher(yolo.load(teacher).model, teacher, model, classes)
        return prunable

    def unpruned_sha256(self) -> str:
        """Return the checkpoint's digest."""
        return checkpoint_sha256(self.source.weights)

    def teachers_sha256(self) -> tuple[str, ...]:
        """Return the teacher's digest."""
        return tuple(checkpoint_sha256(teacher) for teacher in self.recovery.teachers or (self.source.weights,))

    def keep(self, start: Path) -> None:
        """Copy the checkpoint and its teacher's."""
        shutil.copyfile(self.source.weights, start / f"{UNPRUNED}{self.suffix}")
        for teacher in self.recovery.teachers:
            shutil.copyfile(teacher, start / f"{TEACHER}{self.suffix}")

    def save(self, model: Any, path: Path) -> None:
        """Write a checkpoint, marked so that no trainer rebuilds it."""
        mark_pruned(model)
        yolo.save_checkpoint(model, model.args, path)

    def kept(self, out: Path) -> Path:
        """Return the best checkpoint."""
        return out / BEST

    def size(self, path: Path, request: PruneRequest) -> ModelSize:
        """Return what a checkpoint weighs and computes."""
        return size_of(yolo.load(path).model, request.height, request.width, top_k=request.top_k)

    def export(self, path: Path, file: Path, request: PruneRequest) -> None:
        """Export a checkpoint."""
        export_onnx(path, file, height=request.height, width=request.width, top_k=request.top_k)

    def recover(self, out: Path, request: PruneRequest) -> None:
        """Train, where there are epochs left."""
        last, settings = out / LAST, self._settings(out)
        if last.exists() and epochs_behind(last) is None:
            return
        train_detector(
            settings,
            self.sets,
            out,
            resume=last.exists(),
            skip_bad=self.recovery.skip_bad,
            on_epoch=self.recovery.on_epoch,
            beginning=Beginning(self.source.past(self._command(request, settings)), _teaching(out, request), _OWN),
        )

    def _settings(self, out: Path = Path()) -> TrainSettings:
        """Return the settings of the training in a folder: the source run's own, but for what is said."""
        said = self.recovery
        return self.source.settings(
            out / START / f"{PRUNED}{self.suffix}",
            epochs=said.epochs,
            learning_rate=said.learning_rate,
            input_px=said.input_px,
            batch=said.batch,
            most_pictures=said.most_pictures,
            seed=said.seed,
        )

    def _command(self, request: PruneRequest, settings: TrainSettings) -> str:
        words = [f"edgekit compress prune {'RUN' if self.source.config is not None else self.source.weights.name} OUT"]
        words += [f"--set {opened.description.name}" for opened in self.sets]
        words += [f"{option_of(request.target)} --height {request.height} --width {request.width}"]
        words += ["--top-k"] if request.top_k else []
        words += [f"--engine {request.engine} --distillation {request.distillation:g} --input-px {settings.input_px}"]
        words += [f"--epochs {settings.epochs} --batch {settings.batch} --learning-rate {settings.learning_rate:g}"]
        words += [f"--most-pictures {settings.most_pictures}"] if settings.most_pictures is not None else []
        return " ".join([*words, f"--seed {settings.seed}"])


def _teaching(out: Path, request: PruneRequest) -> Teaching | None:
    if request.distillation == 0:
        return None
    teacher, unpruned = (out / START / f"{name}{DetectorSubject.suffix}" for name in (TEACHER, UNPRUNED))
    return Teaching(teacher if teacher.exists() else unpruned, request.distillation)


def _check_classes(model: Any, weights: Path, classes: tuple[str, ...]) -> None:
    named = tuple(model.names[index] for index in sorted(model.names))
    if named != classes:
        raise EdgekitError(
            f"{weights} knows {len(named)} classes ({', '.join(named[:3])}, …), the sets {classes}: fine-tune it on "
            "the sets with `edgekit train detector`, then prune that run"
        )

"""Prune a trained detector, train it to recover, and prove on the exported file what came of it, in a run's folder."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compress.latency import measure
from compress.model_size import exported_size
from compress.prune import size_of
from compress.pruning_record import (
    PRUNING_RECORD,
    LatencyTarget,
    MacsTarget,
    MeasuredLatency,
    Proof,
    PruneRequest,
    PruningRecord,
    Ratio,
    SpeedupTarget,
    read_pruning,
    timed,
)
from compress.pruning_start import PRUNED, START, TEACHER, UNPRUNED, begin
from devices.errors import EdgekitError
from devices.validation import checked
from edge.evaluate.dataset import DetectionSet
from edge.model.manifest import WeightsEntry
from train import ultralytics_adapter as yolo
from train.beginning import Beginning, Past, Teaching
from train.checkpoints import keep
from train.detector import LICENCE, RunConfig, TrainSettings, config_of, read_config, train_detector
from train.epochs import METRICS, EpochRecord
from train.export import export_onnx
from train.run_folders import CONFIG

# What may lie in the folder of a run that was broken off before its first epoch ended.
_OWN = frozenset({START, PRUNING_RECORD, CONFIG, METRICS, "build", "weights", "args.yaml"})
_MEASURED_ANEW = 0.95  # of what was asked for: a second measurement of the same thing differs a little


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be pruned.

    Attributes:
        weights: The checkpoint.
        config: Of the run that made it, None where a bare checkpoint was given.
    """

    weights: Path
    config: RunConfig | None

    @property
    def folder(self) -> Path:
        """The run's folder.

        Raises:
            EdgekitError: A bare checkpoint was given.
        """
        if self.config is None:
            raise EdgekitError(f"{self.weights} is a bare checkpoint: name the folder of a training")
        return self.weights.parent.parent

    @classmethod
    def open(cls, path: Path) -> "Source":
        """Open a run's folder or a checkpoint.

        Raises:
            EdgekitError: There is neither.
        """
        if path.is_dir():
            weights = path / "weights" / "best.pt"
            if not weights.exists():
                raise EdgekitError(f"{path} holds no weights/best.pt: name the folder of a training, or a checkpoint")
            return cls(weights, read_config(path))
        if not path.exists():
            raise EdgekitError(f"there is neither a run nor a checkpoint at {path}")
        return cls(path, None)

    def recovery(self, out: Path, **changes: Any) -> TrainSettings:
        """Return the settings of the training that follows: the source run's own, but for what is given.

        Args:
            out: The new run's folder.
            changes: Fields of `TrainSettings`; None stands for the source's own.

        Raises:
            EdgekitError: A value is not allowed.
        """
        return self.settings(out / START / PRUNED, **changes)

    def settings(self, weights: Path, **changes: Any) -> TrainSettings:
        """Return the settings of a training that goes on with this run's model: its own, but for what is given.

        Args:
            weights: What it starts from.
            changes: Fields of `TrainSettings`; None stands for the source's own.

        Raises:
            EdgekitError: A value is not allowed.
        """
        own = self.config.settings.model_dump() if self.config is not None else {}
        given = {name: value for name, value in changes.items() if value is not None}
        return checked(TrainSettings, **{**own, **given, "weights": weights, "freeze": 0})

    def past(self, command: str) -> Past:
        """Return what was before a run that is made by a command from this source."""
        config = self.config or config_of(self.weights)
        if config is None:
            source = "a checkpoint of Ultralytics' YOLO"
            return Past(
                command=command,
                weights=WeightsEntry(name=self.weights.name, licence=LICENCE, source=source),
                learnt_from=(),
            )
        return config.before(command)


@dataclass(frozen=True, slots=True)
class How:
    """How to go about a pruning.

    Attributes:
        teacher: Another checkpoint to learn from than the unpruned one.
        resume: Go on where the run was broken off, whether in pruning, training or measuring.
        skip_bad: Leave out pictures and labels that cannot be used.
    """

    teacher: Path | None = None
    resume: bool = False
    skip_bad: bool = False


def prune_run(
    source: Source,
    out: Path,
    request: PruneRequest,
    settings: TrainSettings,
    sets: Sequence[DetectionSet],
    *,
    how: How,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> PruningRecord:
    """Prune, recover and prove.

    Args:
        source: What is to be pruned.
        out: The run's folder: `start/`, `pruning.json`, and all that a training writes.
        request: How far to prune.
        settings: Of the training that follows, from `source.recovery`.
        sets: To train on; their classes have to be the checkpoint's.
        how: How to go about it.
        on_epoch: Called after each epoch.

    Raises:
        EdgekitError: The source cannot be pruned, the target not be reached, a set not be used, or the trained or the
            exported model is not of the pruned shape.
    """
    if not sets:
        raise EdgekitError("a pruned model has to be trained to recover: name a set to train on")
    if not how.resume:
        if out.exists() and any(out.iterdir()):
            raise EdgekitError(f"{out} holds something already: choose another folder, or go on with it by --resume")
        begin(source.weights, how.teacher, request, sets[0].description.classes, out)
    record = read_pruning(out)
    _check_same(record, request, out)
    beginning = Beginning(source.past(_command(source, request, settings, sets)), _teaching(out, request), _OWN)
    last = out / "weights" / "last.pt"
    try:
        if not last.exists() or yolo.epochs_behind(last) is not None:
            train_detector(
                settings,
                sets,
                out,
                resume=last.exists(),
                skip_bad=how.skip_bad,
                on_epoch=on_epoch,
                beginning=beginning,
            )
    except EdgekitError:
        if not how.resume and not last.exists():
            shutil.rmtree(out)  # nothing was trained: whoever mends the fault begins anew
        raise
    return _prove(out, record)


def _check_same(record: PruningRecord, request: PruneRequest, out: Path) -> None:
    if record.proof is not None:
        raise EdgekitError(f"the pruning in {out} is done: there is nothing to resume")
    if record.request != request:
        begun = record.request.model_dump_json(exclude_defaults=True)
        raise EdgekitError(f"the pruning in {out} was begun with {begun}: resume it with the same options")


def _teaching(out: Path, request: PruneRequest) -> Teaching | None:
    if request.distillation == 0:
        return None
    own = out / START / TEACHER
    return Teaching(own if own.exists() else out / START / UNPRUNED, request.distillation)


def _prove(out: Path, record: PruningRecord) -> PruningRecord:
    """Hold the trained checkpoint and its export against what was pruned, measure, and write that down.

    Raises:
        EdgekitError: The shape was not kept, or the target is not reached any more.
    """
    request = record.request
    best = out / "weights" / "best.pt"
    trained = size_of(yolo.load(best).model, request.height, request.width, top_k=request.top_k)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        files = [Path(folder) / "unpruned.onnx", Path(folder) / "pruned.onnx"]
        for checkpoint, file in zip((out / START / UNPRUNED, best), files, strict=True):
            export_onnx(checkpoint, file, height=request.height, width=request.width, top_k=request.top_k)
        exported = exported_size(files[1])
        if (trained, exported) != (record.after, record.exported_after):
            raise EdgekitError(
                f"{best} has {trained.parameters} parameters and its export {exported.parameters}, the pruned model "
                f"{record.after.parameters} and {record.exported_after.parameters}: the training did not keep the shape"
            )
        measured = measure([timed(file, request) for file in files])
        engine = measured.engines[1]
    unpruned_ms, pruned_ms = measured.medians_ms
    latency = MeasuredLatency(
        backend=engine.backend,
        version=engine.version,
        device=engine.device,
        threads=engine.threads,
        runs=measured.runs,
        unpruned_ms=unpruned_ms,
        pruned_ms=pruned_ms,
    )
    _check_latency(request, latency)
    proven = record.model_copy(update={"proof": Proof(checkpoint=trained, exported=exported, latency=latency)})
    with keep(out / PRUNING_RECORD) as new:
        new.write_text(proven.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
    return proven


def _check_latency(request: PruneRequest, latency: MeasuredLatency) -> None:
    target = request.target
    missed = (isinstance(target, SpeedupTarget) and latency.speedup < _MEASURED_ANEW * target.value) or (
        isinstance(target, LatencyTarget) and latency.pruned_ms * _MEASURED_ANEW > target.value
    )
    if missed:
        raise EdgekitError(
            f"measured anew, the trained model takes {latency.pruned_ms:.1f} ms against {latency.unpruned_ms:.1f} ms "
            "and misses the target: measure again by --resume when the machine is quiet, or prune further"
        )


def _command(source: Source, request: PruneRequest, settings: TrainSettings, sets: Sequence[DetectionSet]) -> str:
    option = {
        Ratio: "ratio",
        MacsTarget: "target-macs",
        SpeedupTarget: "target-speedup",
        LatencyTarget: "target-latency-ms",
    }
    words = [f"edgekit compress prune {'RUN' if source.config is not None else source.weights.name} OUT"]
    words += [f"--set {opened.description.name}" for opened in sets]
    words += [
        f"--{option[type(request.target)]} {request.target.value:g} --height {request.height} --width {request.width}"
    ]
    words += ["--top-k"] if request.top_k else []
    words += [f"--engine {request.engine} --distillation {request.distillation:g} --input-px {settings.input_px}"]
    words += [f"--epochs {settings.epochs} --batch {settings.batch} --learning-rate {settings.learning_rate:g}"]
    words += [f"--most-pictures {settings.most_pictures}"] if settings.most_pictures is not None else []
    return " ".join([*words, f"--seed {settings.seed}"])

"""The first half of a pruning: how far to prune, chosen by counting or measuring, and the run that begins with it."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import openvino
import torch

from compress.latency import measure
from compress.model_size import exported_size
from compress.prune import MOST, Prunable, channels_of
from compress.pruning_record import (
    PRUNING_RECORD,
    LatencyTarget,
    MacsTarget,
    PruneRequest,
    PruningRecord,
    Ratio,
    SpeedupTarget,
    Trial,
    timed,
)
from compress.ratio_search import least_ratio
from compress.refusal import RefusedError
from compress.teaching import check_teacher
from devices.errors import EdgekitError
from train import ultralytics_adapter as yolo
from train.export import export_onnx

START = "start"
UNPRUNED, PRUNED, TEACHER = "unpruned.pt", "pruned.pt", "teacher.pt"
_COUNTED_STEPS, _MEASURED_STEPS = 10, 5


def begin(weights: Path, teacher: Path | None, request: PruneRequest, classes: tuple[str, ...], out: Path) -> None:
    """Prune a checkpoint as far as was asked for; write `out` whole, or nothing.

    Args:
        weights: The checkpoint.
        teacher: Another checkpoint to learn from than the unpruned one itself; must give what that gives.
        request: What was asked for.
        classes: Of the sets that it will be trained on; they have to be the checkpoint's.
        out: The new folder: `pruning.json`, and in `start/` the unpruned and the pruned checkpoint and the teacher's.

    Raises:
        EdgekitError: The checkpoint cannot be pruned, the teacher teaches something else, or no ratio reaches what was
            asked for.
    """
    model = yolo.load(weights).model.float()
    prunable = Prunable.of(model, weights, height=request.height, width=request.width, top_k=request.top_k)
    _check_classes(model, weights, classes)
    if teacher is not None:
        check_teacher(yolo.load(teacher).model, teacher, model, classes)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        partial = Path(folder) / out.name
        (partial / START).mkdir(parents=True)
        bench = _Bench(prunable, weights, model.args, Path(folder), request)
        ratio = bench.choose()
        pruned = prunable.pruned(ratio)
        yolo.save_checkpoint(pruned, model.args, partial / START / PRUNED)
        shutil.copyfile(weights, partial / START / UNPRUNED)
        if teacher is not None:
            shutil.copyfile(teacher, partial / START / TEACHER)
        before, after = channels_of(prunable.model), channels_of(pruned)
        taught_by = teacher or weights
        record = PruningRecord(
            request=request,
            unpruned_sha256=_sha256(weights),
            teacher_sha256=_sha256(taught_by) if request.distillation > 0 else None,
            ratio=ratio,
            before=prunable.size(prunable.model),
            after=prunable.size(pruned),
            exported_before=exported_size(bench.export(weights, "unpruned")),
            exported_after=exported_size(bench.export(partial / START / PRUNED, "pruned")),
            channels={name: (before[name], after[name]) for name in before},
            left_alone=prunable.left_alone(),
            trials=tuple(bench.trials),
            versions={
                "torch": str(torch.__version__),
                "torch-pruning": version("torch-pruning"),  # the module itself tells an older one
                "openvino": openvino.get_version(),
            },
        )
        (partial / PRUNING_RECORD).write_text(record.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        shutil.copytree(partial, out, dirs_exist_ok=True)


@dataclass(slots=True)
class _Bench:
    """Looks at ratios, by count or by stopwatch, and remembers what it saw."""

    prunable: Prunable
    weights: Path
    train_args: Mapping[str, Any]
    folder: Path
    request: PruneRequest
    trials: list[Trial] = field(default_factory=list[Trial])

    def choose(self) -> float:
        """Return the least ratio that reaches the target."""
        target = self.request.target
        if isinstance(target, Ratio):
            return target.value
        steps = _COUNTED_STEPS if isinstance(target, MacsTarget) else _MEASURED_STEPS
        found = least_ratio(self._reaches, MOST, steps)
        if found is None:
            raise RefusedError(
                f"the target of {_spell(target)} cannot be reached: {_seen(self.trials[0], self._unpruned_macs())} at "
                f"the highest ratio, {MOST}; ask for less, or begin with a smaller model"
            )
        return found

    def export(self, checkpoint: Path, name: str) -> Path:
        """Export a checkpoint once; return its ONNX file."""
        out = self.folder / f"{name}.onnx"
        if not out.exists():
            request = self.request
            export_onnx(checkpoint, out, height=request.height, width=request.width, top_k=request.top_k)
        return out

    def _reaches(self, ratio: float) -> bool:
        target = self.request.target
        model = self.prunable.pruned(ratio)
        size = self.prunable.size(model)
        if isinstance(target, MacsTarget):
            self.trials.append(Trial(ratio=ratio, size=size))
            return size.macs <= target.value * self._unpruned_macs()
        unpruned_ms, pruned_ms = self._measured(model, ratio)
        self.trials.append(Trial(ratio=ratio, size=size, unpruned_ms=unpruned_ms, pruned_ms=pruned_ms))
        if isinstance(target, SpeedupTarget):
            return unpruned_ms >= target.value * pruned_ms
        if isinstance(target, LatencyTarget) and unpruned_ms <= target.value:
            raise EdgekitError(
                f"the unpruned model takes {unpruned_ms:.1f} ms a picture here, the target is {target.value:g} ms: "
                "there is nothing to prune for"
            )
        return pruned_ms <= target.value

    def _measured(self, model: Any, ratio: float) -> tuple[float, float]:
        request = self.request
        checkpoint = self.folder / f"{ratio}.pt"
        yolo.save_checkpoint(model, self.train_args, checkpoint)
        files = [self.export(self.weights, "unpruned"), self.export(checkpoint, f"ratio-{ratio}")]
        unpruned_ms, pruned_ms = measure([timed(file, request) for file in files]).medians_ms
        return unpruned_ms, pruned_ms

    def _unpruned_macs(self) -> int:
        return self.prunable.size(self.prunable.model).macs


def _spell(target: MacsTarget | SpeedupTarget | LatencyTarget) -> str:
    match target:
        case MacsTarget():
            return f"{target.value:g} of the multiplications"
        case SpeedupTarget():
            return f"{target.value:g} times the speed"
        case LatencyTarget():
            return f"{target.value:g} ms"


def _seen(trial: Trial, unpruned_macs: int) -> str:
    if trial.pruned_ms is None or trial.unpruned_ms is None:
        return f"{trial.size.macs / unpruned_macs:.2f} of them are left"
    return f"{trial.pruned_ms:.1f} ms against the unpruned model's {trial.unpruned_ms:.1f} ms are measured"


def _check_classes(model: Any, weights: Path, classes: tuple[str, ...]) -> None:
    named = tuple(model.names[index] for index in sorted(model.names))
    if named != classes:
        raise EdgekitError(
            f"{weights} knows {len(named)} classes ({', '.join(named[:3])}, …), the sets {classes}: fine-tune it on "
            "the sets with `edgekit train detector`, then prune that run"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

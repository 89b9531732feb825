"""The first half of a pruning: how far to prune, chosen by counting or measuring, and the run that begins with it."""

import shutil
import tempfile
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
from compress.pruning_subject import PRUNED, START, UNPRUNED, Subject
from compress.ratio_search import least_ratio
from compress.refusal import RefusedError
from devices.errors import EdgekitError

_COUNTED_STEPS, _MEASURED_STEPS = 10, 5


def begin(subject: Subject, request: PruneRequest, out: Path) -> None:
    """Prune a model as far as was asked for; write `out` whole, or nothing.

    Args:
        subject: The model, its sets and teachers.
        request: What was asked for.
        out: The new folder: `pruning.json`, and in `start/` the unpruned and the pruned model and the teachers.

    Raises:
        EdgekitError: The model cannot be pruned, a teacher teaches something else, or no ratio reaches what was asked
            for.
    """
    prunable = subject.prunable(request)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        partial = Path(folder) / out.name
        start = partial / START
        start.mkdir(parents=True)
        subject.keep(start)
        bench = _Bench(prunable, subject, start / f"{UNPRUNED}{subject.suffix}", Path(folder), request)
        ratio = bench.choose()
        pruned, kept = prunable.pruned(ratio), start / f"{PRUNED}{subject.suffix}"
        subject.save(pruned, kept)
        before, after = channels_of(prunable.model), channels_of(pruned)
        teachers = subject.teachers_sha256() if request.distillation > 0 else ()
        record = PruningRecord(
            request=request,
            unpruned_sha256=subject.unpruned_sha256(),
            teacher_sha256=teachers[0] if teachers else None,
            more_teachers_sha256=teachers[1:],
            ratio=ratio,
            before=prunable.size(prunable.model),
            after=prunable.size(pruned),
            exported_before=exported_size(bench.export(bench.unpruned, "unpruned")),
            exported_after=exported_size(bench.export(kept, "pruned")),
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
    subject: Subject
    unpruned: Path
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

    def export(self, kept: Path, name: str) -> Path:
        """Export a kept model once; return its ONNX file."""
        out = self.folder / f"{name}.onnx"
        if not out.exists():
            self.subject.export(kept, out, self.request)
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
        kept = self.folder / f"{ratio}{self.subject.suffix}"
        self.subject.save(model, kept)
        files = [self.export(self.unpruned, "unpruned"), self.export(kept, f"ratio-{ratio}")]
        unpruned_ms, pruned_ms = measure([timed(file, self.request) for file in files]).medians_ms
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

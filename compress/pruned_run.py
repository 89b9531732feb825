"""Prune a trained model, train it to recover, and prove on the exported file what came of it, in a run's folder."""

import shutil
import tempfile
from pathlib import Path

from compress.latency import measure
from compress.model_size import exported_size
from compress.pruning_record import (
    PRUNING_RECORD,
    LatencyTarget,
    MeasuredLatency,
    Proof,
    PruneRequest,
    PruningRecord,
    SpeedupTarget,
    read_pruning,
    timed,
)
from compress.pruning_start import begin
from compress.pruning_subject import START, UNPRUNED, Subject
from devices.errors import EdgekitError
from train.checkpoints import keep
from train.run_folders import LAST

_MEASURED_ANEW = 0.95  # of what was asked for: a second measurement of the same thing differs a little


def prune_run(subject: Subject, out: Path, request: PruneRequest, *, resume: bool = False) -> PruningRecord:
    """Prune, recover and prove.

    Args:
        subject: What is to be pruned, and how it recovers.
        out: The run's folder: `start/`, `pruning.json`, and all that a training writes.
        request: How far to prune.
        resume: Go on where the run was broken off, whether in pruning, training or measuring.

    Raises:
        EdgekitError: The subject cannot be pruned, the target not be reached, a set not be used, or the trained or the
            exported model is not of the pruned shape.
    """
    if not resume:
        if out.exists() and any(out.iterdir()):
            raise EdgekitError(f"{out} holds something already: choose another folder, or go on with it by --resume")
        begin(subject, request, out)
    record = read_pruning(out)
    _check_same(record, request, out)
    try:
        subject.recover(out, request)
    except EdgekitError:
        if not resume and not (out / LAST).exists():
            shutil.rmtree(out)  # nothing was trained: whoever mends the fault begins anew
        raise
    return _prove(subject, out, record)


def _check_same(record: PruningRecord, request: PruneRequest, out: Path) -> None:
    if record.proof is not None:
        raise EdgekitError(f"the pruning in {out} is done: there is nothing to resume")
    if record.request != request:
        begun = record.request.model_dump_json(exclude_defaults=True)
        raise EdgekitError(f"the pruning in {out} was begun with {begun}: resume it with the same options")


def _prove(subject: Subject, out: Path, record: PruningRecord) -> PruningRecord:
    """Hold the trained model and its export against what was pruned, measure, and write that down.

    Raises:
        EdgekitError: The shape was not kept, or the target is not reached any more.
    """
    request = record.request
    best, unpruned = subject.kept(out), out / START / f"{UNPRUNED}{subject.suffix}"
    trained = subject.size(best, request)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        files = [Path(folder) / "unpruned.onnx", Path(folder) / "pruned.onnx"]
        for kept, file in zip((unpruned, best), files, strict=True):
            subject.export(kept, file, request)
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

"""Runs cases in rounds, alternated, and puts their figures together."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from devices.errors import EdgekitError
from edge.bench.ear import Ear
from edge.bench.plan import Case, Subject
from edge.bench.record import Latency, MachineState, Row, Spread, Throughput, Way
from edge.bench.vigil import Vigil
from edge.bench.worker import Counted, Plan

_PATIENCE_S = 180.0  # beyond the seconds of a run: start, engines, the outbox's last events
_LEAST_FRAMES = 20


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one case came to.

    Attributes:
        counted: By the box itself.
        frames_ms: From capture to subscriber, of each frame.
        events_ms: The same of events.
        stages_ms: The middle frame's milliseconds by stage; those that only events go through, of the middle event.
        frames_per_second: At the subscriber, over all cameras.
        start_s: From the start of the process to the first frame at the subscriber.
        drops: By cause.
        throttled: Whether cores were slowed down for their heat, None where nobody counts.
        energy_j: That the machine used, None likewise.
        machine: What it was like meanwhile.
    """

    counted: Counted
    frames_ms: Sequence[float]
    events_ms: Sequence[float]
    stages_ms: dict[str, float]
    frames_per_second: float
    start_s: float
    drops: dict[str, int]
    throttled: bool | None
    energy_j: float | None
    machine: MachineState


def measure(
    subject: Subject, cases: Sequence[Case], *, rounds: int, seconds: float, progress: Callable[[str], None]
) -> tuple[Row, ...]:
    """Measure cases, each round all of them one after the other, so that whatever changes meanwhile meets all alike.

    Args:
        subject: What is run.
        cases: How; their pace is chosen here, each case has a run of either kind a round.
        rounds: How often.
        seconds: Of each run at most; a clip that ends before ends it.
        progress: Told what is run now.

    Raises:
        EdgekitError: A run failed, or brought too few frames to say anything.
    """
    fast: dict[Case, list[Run]] = {case: [] for case in cases}
    paced: dict[Case, list[Run]] = {case: [] for case in cases}
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as state:
        subject = replace(subject, state=Path(state))  # how the model runs best is found out once, not in each run
        for number in range(rounds):
            for case in cases:
                for found, is_paced in ((fast, False), (paced, True)):
                    speed = "at the clip's speed" if is_paced else "at full speed"
                    progress(f"round {number + 1} of {rounds}: {case.label}, {speed}")
                    found[case].append(run_once(subject, replace(case, paced=is_paced), seconds))
    return tuple(_row(case, fast[case], paced[case]) for case in cases)


def run_once(subject: Subject, case: Case, seconds: float) -> Run:
    """Run a box on a case, once, and listen to it.

    Raises:
        EdgekitError: The box failed, or too few frames came.
    """
    host, port = subject.broker
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder, Ear(subject.broker) as ear:
        plan = TypeAdapter(Plan).dump_json(Plan(subject, case, seconds, Path(folder)))
        began_s = time.time()
        with Vigil() as vigil:
            box = _run_box(plan, seconds + _PATIENCE_S, case.label)
        if ear.lost:
            raise EdgekitError(f"the broker at {host}:{port} went away while {case.label} was measured")
        if box.returncode != 0:
            raise EdgekitError(f"{case.label}: {_reason(box.stderr)}")
    counted = Counted(**json.loads(box.stdout.splitlines()[-1]))
    if len(ear.frames_ms) < _LEAST_FRAMES or ear.first_s is None:
        raise EdgekitError(
            f"{subject.source.name} gave {counted.frames} frames in {seconds:g} s, too few to say anything: "
            "take a longer clip, or more --seconds"
        )
    return Run(
        counted,
        frames_ms=tuple(ear.frames_ms),
        events_ms=tuple(ear.events_ms),
        stages_ms=_stages(counted, ear),
        frames_per_second=ear.frames_per_second,
        start_s=ear.first_s - began_s,
        drops=ear.drops,
        throttled=vigil.throttled,
        energy_j=vigil.energy_j,
        machine=vigil.state,
    )


def _run_box(plan: bytes, timeout_s: float, label: str) -> "subprocess.CompletedProcess[str]":
    """Run the box under measurement to its end.

    Raises:
        EdgekitError: It did not end in time; it is killed then.
    """
    command = [sys.executable, "-m", "edge.bench.worker"]
    try:
        return subprocess.run(
            command,
            input=plan.decode(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    except subprocess.TimeoutExpired as exc:
        raise EdgekitError(f"{label}: the box did not end within {timeout_s:.0f} s") from exc


def _stages(counted: Counted, ear: Ear) -> dict[str, float]:
    """Return milliseconds by stage in the order in which a frame goes through them."""
    of_events = {stage: statistics.median(spent) for stage, spent in ear.events_stages_ms.items()}
    return {**counted.stages_ms, **{stage: ms for stage, ms in of_events.items() if stage not in counted.stages_ms}}


def _reason(complaint: str) -> str:
    errors = [line.removeprefix("error: ") for line in complaint.splitlines() if line.startswith("error: ")]
    return errors[-1] if errors else f"the box failed: {(complaint.strip().splitlines() or ['without a word'])[-1]}"


def _row(case: Case, fast: Sequence[Run], paced: Sequence[Run]) -> Row:
    middle = sorted(paced, key=lambda run: _percentile(run.frames_ms, 50))[len(paced) // 2]
    engine = middle.counted.engine
    dropped = {cause: sum(run.drops.get(cause, 0) for run in paced) for run in paced for cause in run.drops}
    came = sum(run.counted.frames for run in paced) + sum(dropped.values())
    return Row(
        streams=case.streams,
        model=case.model.digest,
        mode=case.mode,
        device=str(engine["device"]),
        way=Way.model_validate({name: engine[name] for name in Way.model_fields}),
        version=str(engine["version"]),
        asked=case.label,
        throughput=Throughput(
            frames_per_second=_spread([run.frames_per_second for run in fast]),
            cpu_ms_per_frame=_spread([1000 * run.counted.cpu_s / run.counted.frames for run in fast]),
        ),
        latency=Latency(
            p50_ms=_spread([_percentile(run.frames_ms, 50) for run in paced]),
            p95_ms=_spread([_percentile(run.frames_ms, 95) for run in paced]),
            p99_ms=_spread([_percentile(run.frames_ms, 99) for run in paced]),
            event_p99_ms=_maybe_spread([_percentile(run.events_ms, 99) for run in paced if run.events_ms]),
            stages_p50_ms={stage: round(spent, 3) for stage, spent in middle.stages_ms.items()},
            frames_per_second=_spread([run.frames_per_second for run in paced]),
            dropped=dropped,
            dropped_share=sum(dropped.values()) / max(1, came),
        ),
        start_to_first_s=_spread([run.start_s for run in (*fast, *paced)]),
        memory_mib=_spread([run.counted.memory_mib for run in paced]),
        cpu_percent=_spread([100 * run.counted.cpu_s / run.counted.seconds for run in paced]),
        throttled=_any_throttled([*fast, *paced]),
        energy_mj_per_frame=_maybe_spread(
            [1000 * run.energy_j / run.counted.frames for run in fast if run.energy_j is not None]
        ),
        machine=middle.machine,
    )


def _any_throttled(runs: Sequence[Run]) -> bool | None:
    told = [run.throttled for run in runs if run.throttled is not None]
    return any(told) if told else None


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def _spread(values: Sequence[float]) -> Spread:
    return Spread(
        median=round(statistics.median(values), 3),
        least=round(min(values), 3),
        most=round(max(values), 3),
        rounds=len(values),
    )


def _maybe_spread(values: Sequence[float]) -> Spread | None:
    return _spread(values) if values else None

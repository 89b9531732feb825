"""Measures ways to run a model, each in a process of its own.

A kernel that this machine's processor does not know ends a process, and an engine that was only tried leaves memory
behind: neither must be the runtime's.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from devices.errors import EdgekitError
from edge.model.bundle import Bundle, open_bundle
from edge.model.choice import Choice
from edge.model.detector import Detector, load_detector
from edge.model.engine import Device, Placement
from edge.model.geometry import Bgr
from edge.model.picture import decode_picture

_TRY_S = 60.0  # a large model on a small box, beside whatever else starts there
_LEAST_INFERENCES = 6
_MEASURE_S = 0.5


class Trial(BaseModel):
    """What a process is to try, as it gets it on its standard input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bundle: Path
    trusted_keys: tuple[Path, ...]
    choice: Choice
    device: Device
    requests: int


class Outcome(BaseModel):
    """What it found: milliseconds a picture over all requests, or why this way cannot be taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ms: float | None = None
    fault: str | None = None


def tried(trial: Trial) -> Outcome:
    """Try one way in a process of its own: load, self-test, some inferences."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "edge.model.probing"],
            input=trial.model_dump_json().encode(),
            capture_output=True,
            timeout=_TRY_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(fault=f"took longer than {_TRY_S:g} s")
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        return Outcome(fault=f"the process that tried it ended with {done.returncode}: {said[-1]}")
    try:
        return Outcome.model_validate_json(done.stdout)
    except ValidationError:
        return Outcome(fault="the process that tried it gave no answer")


def measure_ms(bundle: Bundle, detector: Detector, requests: int) -> float:
    """Return the milliseconds that a picture takes with all requests at work, by the bundle's self-test picture."""
    picture = decode_picture(bundle.read(bundle.manifest.self_test_picture), str(bundle.directory))
    tensor, _ = detector.prepare(Bgr(picture))
    counts = [0] * requests
    detector.infer(tensor)  # the first one still allocates
    began_s = time.perf_counter()

    def work(number: int) -> None:
        while time.perf_counter() - began_s < _MEASURE_S or sum(counts) < _LEAST_INFERENCES:
            detector.infer(tensor)
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - began_s) * 1000 / sum(counts)


def _try(trial: Trial) -> Outcome:
    try:
        bundle = open_bundle(trial.bundle, trial.trusted_keys)
        choice, placement = trial.choice, Placement(trial.device, trial.choice.hint)
        detector = load_detector(
            bundle,
            backend=choice.backend,
            precision=choice.precision,
            requests=trial.requests,
            placement=placement,
        )
        return Outcome(ms=measure_ms(bundle, detector, trial.requests))
    except EdgekitError as exc:
        return Outcome(fault=str(exc))


def main() -> None:
    """Read a trial from standard input, and write its outcome to standard output."""
    print(_try(Trial.model_validate_json(sys.stdin.buffer.read())).model_dump_json())  # noqa: T201 - its answer


if __name__ == "__main__":
    main()

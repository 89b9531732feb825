"""What was measured on this machine of the ways to run a model, kept so that each start takes the same at once."""

import hashlib
import logging
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from devices.errors import EdgekitError
from devices.probe import probe
from edge.model.choice import Choice, best
from edge.model.probing import Outcome, Trial, tried

_log = logging.getLogger(__name__)

# Of what computes; TensorRT comes as a package, or with a Jetson's system.
_SOFTWARE = ("edgekit", "openvino", "onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-cu12", "tensorrt-cu13")
_ALL_S = 90.0  # after which the best until then is taken: a start that takes three minutes is broken off


class Measured(BaseModel):
    """Milliseconds a picture by way, and the way that was chosen.

    It says nothing of anything but its key: the bundle, how it runs, this processor and these versions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    ms: dict[str, float]
    chosen: Choice

    def __str__(self) -> str:
        """Return it for logs."""
        return f"{self.chosen}; ms a picture: " + ", ".join(f"{way} {value:.1f}" for way, value in self.ms.items())


def choose_by_measuring(trials: Sequence[Trial], digest: str, kept: Path) -> Choice:
    """Return the best of several ways, as it was measured before or is measured now.

    Args:
        trials: Of one bundle and one device, those that compute most exactly first.
        digest: The bundle's.
        kept: The file in which the answer is kept.

    Raises:
        EdgekitError: None of them works on this machine.
    """
    key = key_of(digest, *(trial.model_dump_json(include={"choice", "device", "requests"}) for trial in trials))
    before = _read(kept)
    if before is not None and before.key == key:
        _log.info("as measured before on this machine: %s", before)
        return before.chosen
    _log.info("measuring %d ways to run the model on this machine; the next start will know", len(trials))
    ms: dict[Choice, float] = {}
    faults: list[str] = []
    end_s = time.monotonic() + _ALL_S
    for trial in trials:
        late = bool(ms) and time.monotonic() > end_s
        outcome = Outcome(fault="there was no time left to try it") if late else tried(trial)
        if outcome.ms is not None:
            ms[trial.choice] = outcome.ms
        else:
            faults.append(f"{trial.choice}: {outcome.fault}")
            _log.info("%s cannot be taken: %s", trial.choice, outcome.fault)
    if not ms:
        raise EdgekitError(f"no way to run the model works on this machine: {'; '.join(faults)}")
    measured = Measured(key=key, ms={str(way): round(value, 3) for way, value in ms.items()}, chosen=best(ms))
    _log.info("chosen: %s", measured)
    _write(kept, measured)
    return measured.chosen


def key_of(*parts: str) -> str:
    """Return a name for something on this machine with these versions of the engines, 16 hexadecimal digits."""
    machine = probe()
    software = [f"{name} {_version(name)}" for name in _SOFTWARE]
    if machine.jetson is not None:
        software.append(f"L4T {machine.jetson.l4t}, CUDA {machine.jetson.cuda}, TensorRT {machine.jetson.tensorrt}")
    whole = [*parts, machine.cpu, " ".join(sorted(machine.cpu_flags)), str(machine.cores), *software]
    return hashlib.sha256("\n".join(whole).encode()).hexdigest()[:16]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _read(path: Path) -> Measured | None:
    try:
        return Measured.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as exc:
        _log.warning("%s cannot be used (%s): measuring anew", path, str(exc).splitlines()[0])
        return None


def _write(path: Path, measured: Measured) -> None:
    """Keep an answer; where that fails the next start measures again, which is no reason not to run."""
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(measured.model_dump_json(indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as exc:
        _log.warning("what was measured cannot be kept in %s (%s)", path, exc.strerror)

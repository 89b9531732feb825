"""Ways to run a bundle's model on a machine, and which of those that were measured is the best."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from devices.errors import EdgekitError
from edge.model.bundle import Bundle
from edge.model.detector import ENGINE_OF, Backend
from edge.model.engine import Device, Hint
from edge.model.manifest import Precision

_WORTH = 0.9  # a way that computes less exactly has to take at most this share of the time


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to run a model.

    Attributes:
        backend: The engine.
        precision: Of the model file.
        hint: In what the file's floats are computed.
    """

    backend: Literal["openvino", "onnxruntime"]
    precision: Precision
    hint: Hint = "f32"

    def __str__(self) -> str:
        """Return it for logs."""
        return f"{self.backend} {self.precision} in {self.hint}"


_BY_EXACTNESS = (
    Choice("openvino", "fp32"),
    Choice("onnxruntime", "fp32"),
    Choice("openvino", "fp32", "f16"),
    Choice("openvino", "fp32", "bf16"),
    Choice("openvino", "int8"),
    Choice("onnxruntime", "int8"),
)


def backend_for(backend: Backend, device: Device, hint: Hint = "f32") -> Backend:
    """Return the engine that a device or a hint needs, or the one asked for where either will do.

    Raises:
        EdgekitError: Another one was asked for.
    """
    needed: Backend = backend
    if device in ("cuda", "tensorrt", "openvino"):
        needed = "onnxruntime"
    elif device in ("gpu", "npu", "auto") or hint != "f32":
        needed = "openvino"
    if backend not in ("auto", needed):
        what = f"device {device}" if device != "cpu" else f"precision {hint}"
        raise EdgekitError(f"{backend} has no {what}: set backend = '{needed}', or another {what.split(maxsplit=1)[0]}")
    return needed


def candidates(bundle: Bundle, backend: Backend, device: Device) -> tuple[Choice, ...]:
    """Return all ways to run a bundle's model with what is installed, those that compute most exactly first.

    Raises:
        EdgekitError: There is none, or the device is another engine's.
    """
    wanted = backend_for(backend, device)
    found = tuple(
        choice
        for choice in _BY_EXACTNESS
        for format_, engine in ENGINE_OF.items()
        if choice.backend == engine
        and wanted in ("auto", engine)
        and importlib.util.find_spec(engine) is not None
        and bundle.find(format_, choice.precision) is not None
    )
    if not found:
        held = ", ".join(f"{model.format} {model.precision}" for model in bundle.manifest.models)
        raise EdgekitError(
            f"{bundle.directory} has no file for backend {wanted}, or it is not installed; it holds {held}: "
            "choose among these in [inference]"
        )
    return found


def best(measured_ms: Mapping[Choice, float]) -> Choice:
    """Return the way to take: the fastest, but for one that computes more exactly and takes hardly longer.

    Args:
        measured_ms: Milliseconds a picture of ways that proved themselves, those that compute most exactly first.
    """
    chosen, *others = measured_ms
    for choice in others:
        if measured_ms[choice] <= _WORTH * measured_ms[chosen]:
            chosen = choice
    return chosen

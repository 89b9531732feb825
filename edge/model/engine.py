"""What the runtime asks of an inference engine, whichever it is."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What runs a model, as it goes into the status and beside every figure.

    Attributes:
        backend: `openvino` or `onnxruntime`.
        version: Of the backend.
        device: Where it computes, as the backend names it.
        precision: Of the model file.
        hint: In what the file's floats are computed.
        requests: Pictures that may be in inference at the same time.
        threads: Threads over all requests.
    """

    backend: str
    version: str
    device: str
    precision: str
    hint: str
    requests: int
    threads: int

    def __str__(self) -> str:
        """Return it in the form that stands in logs and beside figures."""
        return (
            f"{self.backend} {self.version} on {self.device}, {self.precision} file computed in {self.hint}, "
            f"requests {self.requests}, threads {self.threads}"
        )


Outputs = tuple[NDArray[np.float32], ...]  # in the order of the model's outputs


class Engine(Protocol):
    """A compiled model. `infer` may be called from as many threads at once as there are requests."""

    @property
    def info(self) -> EngineInfo:
        """What runs the model."""
        ...

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each output; -1 where the file leaves a size open."""
        ...

    def infer(self, tensor: NDArray[np.uint8]) -> Outputs:
        """Return the predictions for one input (1, height, width, 3) uint8 BGR; the arrays are the caller's."""
        ...


@dataclass(frozen=True, slots=True)
class ModelContent:
    """A model in memory: engines get bytes, so that what runs is what was verified and nothing is loaded beside it.

    Attributes:
        name: Of the file, for messages.
        model: The ONNX file, or OpenVINO's .xml.
        weights: OpenVINO's .bin, None where there is none.
    """

    name: str
    model: bytes
    weights: bytes | None = None

    @classmethod
    def read(cls, path: Path) -> "ModelContent":
        """Read a model file that is not in a bundle yet, and the .bin beside an .xml.

        Raises:
            EdgekitError: A file cannot be read.
        """
        try:
            weights = path.with_suffix(".bin").read_bytes() if path.suffix == ".xml" else None
            return cls(str(path), path.read_bytes(), weights)
        except OSError as exc:
            raise EdgekitError(f"the model {path} cannot be read: {exc.strerror}") from exc


Device = Literal["cpu", "gpu", "npu", "auto", "cuda", "tensorrt", "openvino"]
Hint = Literal["f32", "bf16", "f16"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how a model is to compute.

    Attributes:
        device: `cpu` for both engines; `gpu`, `npu` and `auto` are OpenVINO's devices; `cuda`, `tensorrt` and
            `openvino` are providers of ONNX Runtime.
        hint: In what floats are computed; but for f32 OpenVINO alone can choose.
        allow_cpu_fallback: Whether the CPU may do what the device cannot, or all of it where there is no such device.
        cache: Folder of this model alone for what OpenVINO compiled of it, or TensorRT built; None for none.
    """

    device: Device = "cpu"
    hint: Hint = "f32"
    allow_cpu_fallback: bool = False
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """What an engine is to load.

    Attributes:
        model: The model.
        precision: Of the model file, told in `EngineInfo`.
        height: Rows of the input.
        width: Columns of the input.
        requests: Pictures that may be handed to the engine at the same time.
        placement: Where and how it is to compute.
    """

    model: ModelContent
    precision: str
    height: int
    width: int
    requests: int
    placement: Placement = Placement()

    @property
    def threads(self) -> int:
        """Threads over all requests: one a core that this process may use."""
        return len(os.sched_getaffinity(0))

    @property
    def streams(self) -> int:
        """Pictures that are computed at the same time: half the requests, as the others wait ready for their turn."""
        return min(self.threads, (self.requests + 1) // 2)

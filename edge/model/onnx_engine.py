"""The ONNX Runtime engine."""

import logging
import threading
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.engine import Device, EngineInfo, EngineRequest, Outputs, Placement

_log = logging.getLogger(__name__)

CPU = "CPUExecutionProvider"
# TensorRT leaves to CUDA what it does not know.
PROVIDERS: dict[Device, tuple[str, ...]] = {
    "cpu": (CPU,),
    "cuda": ("CUDAExecutionProvider",),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
    "openvino": ("OpenVINOExecutionProvider",),
}


class OnnxEngine:
    """A model run by ONNX Runtime; one session serves all requests.

    Raises:
        EdgekitError: The provider is not there, or not the one that runs, and the CPU may not stand in; the file cannot
            be loaded, or its input is not the one that was asked for.
    """

    def __init__(self, request: EngineRequest) -> None:
        name, placement = request.model.name, request.placement
        providers = _providers(placement)
        try:
            self._session = ort.InferenceSession(
                request.model.model,
                _options(request, providers),
                providers=list(providers),
                provider_options=[provider_options(name, placement) for name in providers],
            )
        except Exception as exc:
            first_line = str(exc).strip().splitlines()[0]
            raise EdgekitError(f"ONNX Runtime cannot load {name} on {providers[0]}: {first_line}") from exc
        # A provider that cannot start is left out with no more than a warning.
        runs: str = self._session.get_providers()[0]
        if runs != providers[0] and not placement.allow_cpu_fallback:
            raise EdgekitError(f"ONNX Runtime fell back to {runs} instead of {providers[0]}{_REMEDY}")
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1:
            raise EdgekitError(f"{name} has {len(inputs)} inputs, not one")
        shape, kind = tuple(inputs[0].shape), inputs[0].type
        if shape != (1, request.height, request.width, 3) or kind != "tensor(uint8)":
            raise EdgekitError(
                f"the input of {name} is {shape} {kind}, not (1, {request.height}, {request.width}, 3) tensor(uint8)"
            )
        self._input = inputs[0].name
        self._streams = threading.BoundedSemaphore(request.streams)
        self._output_shapes = tuple(
            tuple(size if isinstance(size, int) else -1 for size in output.shape) for output in outputs
        )
        self._info = EngineInfo(
            "onnxruntime",
            ort.__version__,
            runs,
            request.precision,
            placement.hint,
            request.requests,
            request.threads,
        )

    @property
    def info(self) -> EngineInfo:
        """What runs the model."""
        return self._info

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each output; -1 where the file leaves a size open."""
        return self._output_shapes

    def infer(self, tensor: NDArray[np.uint8]) -> Outputs:
        """Return the predictions for one input (1, height, width, 3) uint8 BGR; the arrays are the caller's."""
        with self._streams:
            outputs = self._session.run(None, {self._input: tensor})
        return tuple(np.asarray(output, np.float32) for output in outputs)


_REMEDY = ": choose another device in [inference], or let the CPU stand in with allow_cpu_fallback = true"


def _providers(placement: Placement) -> tuple[str, ...]:
    """Return the providers to use, best first.

    Raises:
        EdgekitError: The device or the hint is not ONNX Runtime's, or the installed package has no such provider and
            the CPU may not stand in.
    """
    if placement.hint != "f32":
        raise EdgekitError(f"ONNX Runtime computes a file as it is, not in {placement.hint}: set backend = 'openvino'")
    wanted = PROVIDERS.get(placement.device)
    if wanted is None:
        raise EdgekitError(f"{placement.device} is a device of OpenVINO: set backend = 'openvino'")
    present: list[str] = ort.get_available_providers()
    if wanted[0] not in present:
        if not placement.allow_cpu_fallback:
            raise EdgekitError(f"this ONNX Runtime has no {wanted[0]}, only {', '.join(present)}{_REMEDY}")
        _log.warning("this ONNX Runtime has no %s: the CPU stands in", wanted[0])
        return (CPU,)
    usable = tuple(name for name in wanted if name in present)
    return (*usable, CPU) if placement.allow_cpu_fallback and CPU not in usable else usable


def provider_options(provider: str, placement: Placement) -> dict[str, str]:
    """Return what a provider is told: TensorRT keeps its engines, which take minutes to build, where there is a cache.

    An engine is found again by its name, which does not hold the model's weights: whose folder it is decides.

    Source: ONNX Runtime, "TensorRT Execution Provider", TensorRT EP Caches.
    """
    if provider != PROVIDERS["tensorrt"][0] or placement.cache is None:
        return {}
    folder = str(placement.cache)
    return {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": folder,
    }


def _options(request: EngineRequest, providers: tuple[str, ...]) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = max(1, request.threads // request.streams)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait would take the cores from the other request and from code reading.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if CPU not in providers:
        # ONNX Runtime adds the CPU to every list by itself; with this, a model that needs it does not load.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options

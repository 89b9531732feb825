"""The OpenVINO engine."""

import logging
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.engine import EngineInfo, EngineRequest, Hint, Outputs, Placement

_log = logging.getLogger(__name__)

CPU = "CPU"


class OpenvinoEngine:
    """A model compiled by OpenVINO; requests beyond its streams wait in its own queue, which is never empty then.

    Raises:
        EdgekitError: The machine has no such device, the device cannot compute what the hint asks for, the file cannot
            be compiled, or its input is not the one that was asked for.
    """

    def __init__(self, request: EngineRequest) -> None:
        name, content = request.model.name, request.model
        core = ov.Core()
        device = _device(core, request.placement)
        try:
            weighted = content.weights is not None
            model = core.read_model(content.model, content.weights) if weighted else core.read_model(content.model)
            compiled = core.compile_model(model, device, _properties(core, request, device))
        except RuntimeError as exc:
            # The first lines name places in OpenVINO's own source, the last one what is wrong.
            last_line = str(exc).strip().splitlines()[-1]
            raise EdgekitError(f"OpenVINO cannot load {name}: {last_line}") from exc
        if len(compiled.inputs) != 1:
            raise EdgekitError(f"{name} has {len(compiled.inputs)} inputs, not one")
        shape = tuple(compiled.inputs[0].shape)
        kind = compiled.inputs[0].element_type.get_type_name()
        if shape != (1, request.height, request.width, 3) or kind != "u8":
            raise EdgekitError(
                f"the input of {name} is {shape} {kind}, not (1, {request.height}, {request.width}, 3) u8"
            )
        self._output_shapes = tuple(
            tuple(size.get_length() if size.is_static else -1 for size in output.partial_shape)
            for output in compiled.outputs
        )
        # Where the sizes are known, a request writes into the caller's arrays: no copy, which the whole interpreter
        # would wait for.
        types = {output.element_type.get_type_name() for output in compiled.outputs}
        self._writes_to_caller = types == {"f32"} and all(-1 not in shape for shape in self._output_shapes)
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(request.requests):
            self._idle.put(compiled.create_infer_request())
        self._info = EngineInfo(
            "openvino",
            ov.get_version(),
            ",".join(compiled.get_property("EXECUTION_DEVICES")),
            request.precision,
            request.placement.hint,
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
        request = self._idle.get()
        try:
            request.set_input_tensor(ov.Tensor(tensor, shared_memory=True))
            outputs: Outputs = ()
            if self._writes_to_caller:
                outputs = tuple(np.empty(shape, np.float32) for shape in self._output_shapes)
                for index, output in enumerate(outputs):
                    request.set_output_tensor(index, ov.Tensor(output, shared_memory=True))
            # `infer` would make a copy of all outputs that nobody reads.
            request.start_async()
            request.wait()
            return outputs or tuple(np.array(output.data, dtype=np.float32) for output in request.output_tensors)
        finally:
            self._idle.put(request)


def _device(core: Any, placement: Placement) -> str:
    """Return the device that is to be used, as OpenVINO names it.

    Raises:
        EdgekitError: The machine has no such device and the CPU may not stand in, or the device is not OpenVINO's.
    """
    if placement.device in ("cuda", "tensorrt", "openvino"):
        raise EdgekitError(f"{placement.device} is a provider of ONNX Runtime: set backend = 'onnxruntime'")
    device = placement.device.upper()
    if device in ("AUTO", CPU):  # the CPU is there; asking what else is loads every plugin, of 15 MB and more
        return device
    present = list(core.available_devices)
    # A machine with several GPUs has GPU.0, GPU.1 and so on.
    if not any(found.split(".")[0] == device for found in present):
        if not placement.allow_cpu_fallback:
            raise EdgekitError(
                f"OpenVINO finds no {device} here, only {', '.join(present)}: install its driver, choose another "
                "device in [inference], or let the CPU stand in with allow_cpu_fallback = true"
            )
        _log.warning("OpenVINO finds no %s here: the CPU stands in", device)
        device = CPU
    return device


def _properties(core: Any, request: EngineRequest, device: str) -> dict[str, Any]:
    hint = request.placement.hint
    properties: dict[str, Any] = {
        # Without the hint a CPU with AMX or AVX512-BF16 would quietly compute an FP32 model in bf16.
        "INFERENCE_PRECISION_HINT": hint,
        "PERFORMANCE_HINT": "LATENCY" if request.streams == 1 else "THROUGHPUT",
    }
    if device == CPU:
        if hint not in cpu_hints(core):
            raise EdgekitError(
                f"this CPU does not compute in {hint}, only in {', '.join(cpu_hints(core))}: "
                "set another precision in [inference]"
            )
        properties |= {"NUM_STREAMS": request.streams, "INFERENCE_NUM_THREADS": request.threads}
    if request.placement.cache is not None:
        properties["CACHE_DIR"] = str(request.placement.cache)
    return properties


def cpu_hints(core: Any) -> tuple[str, ...]:
    """Return in what this machine's CPU computes floats by itself, f32 first."""
    capabilities = core.get_property(CPU, "OPTIMIZATION_CAPABILITIES")
    return ("f32", *(hint for hint, name in (("bf16", "BF16"), ("f16", "FP16")) if name in capabilities))


def computes_in(hint: Hint) -> bool:
    """Whether this machine's CPU computes floats in what a hint names."""
    return hint in cpu_hints(ov.Core())

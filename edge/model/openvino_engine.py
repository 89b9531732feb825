"""The OpenVINO engine."""

from queue import SimpleQueue

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.engine import EngineInfo, EngineRequest

DEVICE = "CPU"


class OpenvinoEngine:
    """A model compiled by OpenVINO, with a stream of its own for each request.

    Raises:
        EdgekitError: The file cannot be compiled, or its input is not the one that was asked for.
    """

    def __init__(self, request: EngineRequest) -> None:
        name, content = request.model.name, request.model
        try:
            core = ov.Core()
            weighted = content.weights is not None
            model = core.read_model(content.model, content.weights) if weighted else core.read_model(content.model)
            compiled = core.compile_model(
                model,
                DEVICE,
                {
                    "NUM_STREAMS": request.requests,
                    "INFERENCE_NUM_THREADS": request.threads,
                    # Without the hint a CPU with AMX would quietly compute an FP32 model in bf16.
                    "INFERENCE_PRECISION_HINT": "f32",
                },
            )
        except RuntimeError as exc:
            # The first lines name places in OpenVINO's own source, the last one what is wrong.
            last_line = str(exc).strip().splitlines()[-1]
            raise EdgekitError(f"OpenVINO cannot load {name}: {last_line}") from exc
        if len(compiled.inputs) != 1 or len(compiled.outputs) != 1:
            raise EdgekitError(
                f"{name} has {len(compiled.inputs)} inputs and {len(compiled.outputs)} outputs, not one each"
            )
        shape = tuple(compiled.inputs[0].shape)
        kind = compiled.inputs[0].element_type.get_type_name()
        if shape != (1, request.height, request.width, 3) or kind != "u8":
            raise EdgekitError(
                f"the input of {name} is {shape} {kind}, not (1, {request.height}, {request.width}, 3) u8"
            )
        self._output_shape = tuple(int(size) for size in compiled.outputs[0].shape)
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(request.requests):
            self._idle.put(compiled.create_infer_request())
        self._info = EngineInfo(
            "openvino", ov.get_version(), DEVICE, request.precision, request.requests, request.threads
        )

    @property
    def info(self) -> EngineInfo:
        """What runs the model."""
        return self._info

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output."""
        return self._output_shape

    def infer(self, tensor: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the predictions for one input (1, height, width, 3) uint8 BGR; the array is the caller's."""
        request = self._idle.get()
        try:
            request.infer([ov.Tensor(tensor, shared_memory=True)])
            return np.array(request.get_output_tensor(0).data, dtype=np.float32)
        finally:
            self._idle.put(request)

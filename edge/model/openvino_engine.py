"""The OpenVINO engine."""

from queue import SimpleQueue

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.engine import EngineInfo, EngineRequest, Outputs

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
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each output; -1 where the file leaves a size open."""
        return self._output_shapes

    def infer(self, tensor: NDArray[np.uint8]) -> Outputs:
        """Return the predictions for one input (1, height, width, 3) uint8 BGR; the arrays are the caller's."""
        request = self._idle.get()
        try:
            request.set_input_tensor(ov.Tensor(tensor, shared_memory=True))
            # `infer` would make a copy of all outputs that nobody reads.
            request.start_async()
            request.wait()
            return tuple(np.array(output.data, dtype=np.float32) for output in request.output_tensors)
        finally:
            self._idle.put(request)

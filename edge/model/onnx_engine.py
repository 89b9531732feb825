"""The ONNX Runtime engine."""

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.engine import EngineInfo, EngineRequest, Outputs

PROVIDER = "CPUExecutionProvider"


class OnnxEngine:
    """A model run by ONNX Runtime on the CPU; one session serves all requests.

    Raises:
        EdgekitError: The file cannot be loaded, its input is not the one that was asked for, or the provider is
            not the one that runs.
    """

    def __init__(self, request: EngineRequest) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = max(1, request.threads // request.requests)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait would take the cores from the other request and from code reading.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        name = request.model.name
        try:
            self._session = ort.InferenceSession(request.model.model, options, providers=[PROVIDER])
        except Exception as exc:
            first_line = str(exc).strip().splitlines()[0]
            raise EdgekitError(f"ONNX Runtime cannot load {name}: {first_line}") from exc
        if self._session.get_providers() != [PROVIDER]:
            raise EdgekitError(f"ONNX Runtime fell back to {self._session.get_providers()} instead of {PROVIDER}")
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1:
            raise EdgekitError(f"{name} has {len(inputs)} inputs, not one")
        shape, kind = tuple(inputs[0].shape), inputs[0].type
        if shape != (1, request.height, request.width, 3) or kind != "tensor(uint8)":
            raise EdgekitError(
                f"the input of {name} is {shape} {kind}, not (1, {request.height}, {request.width}, 3) tensor(uint8)"
            )
        self._input = inputs[0].name
        self._output_shapes = tuple(
            tuple(size if isinstance(size, int) else -1 for size in output.shape) for output in outputs
        )
        self._info = EngineInfo(
            "onnxruntime", ort.__version__, PROVIDER, request.precision, request.requests, request.threads
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
        outputs = self._session.run(None, {self._input: tensor})
        return tuple(np.asarray(output, np.float32) for output in outputs)

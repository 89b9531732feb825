"""INT8 for ONNX Runtime: QDQ form, the detector's tail in float, averaged ranges."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from compress.float_tail import Node, float_tail
from compress.int8_scheme import Int8Scheme

_OPERATORS = sorted({*QLinearOpsRegistry, *QDQRegistry})


class OnnxQuantizer:
    """A float model whose activations were measured, so that INT8 files of it can be written with any layers in float.

    The range of an activation is the mean of its ranges over the pictures: one picture's outlier would coarsen it for
    all (RESULTS.md).

    Args:
        model: The float ONNX model.
        tensors: Calibration inputs, each as the model takes it.
        scheme: What the files are for.
    """

    def __init__(self, model: Path, tensors: Sequence[NDArray[np.uint8]], scheme: Int8Scheme) -> None:
        self._graph = onnx.shape_inference.infer_shapes(onnx.load(str(model)))
        self._scheme = scheme
        nodes = _nodes(self._graph)
        self.tail = frozenset(float_tail(nodes, _output(self._graph)))
        """Names of the nodes that stay in float whatever is asked for."""
        self.layers = tuple(name for name, node in nodes.items() if node.operator == "Conv" and name not in self.tail)
        """Names of the convolutions that can be in INT8, in the order of the graph."""
        reader = _Reader(self._graph.graph.input[0].name, tensors)
        with tempfile.TemporaryDirectory() as folder:
            named = Path(folder) / "named.onnx"
            onnx.save(self._graph, str(named))
            calibrator = create_calibrator(
                named,
                _OPERATORS,
                augmented_model_path=str(Path(folder) / "augmented.onnx"),
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={"moving_average": True, "symmetric": scheme.symmetric_activations},
            )
            calibrator.collect_data(reader)
            self._ranges: Any = calibrator.compute_data()

    def write(self, out: Path, float_layers: Iterable[str] = ()) -> tuple[str, ...]:
        """Write an INT8 file; return the names of the nodes that stayed in float.

        Args:
            out: The file to write.
            float_layers: Convolutions that stay in float beside the tail.
        """
        stay = sorted({*self.tail, *float_layers})
        onnx.save(self._quantised(excluded=stay), str(out))
        return tuple(stay)

    def write_only(self, out: Path, layer: str) -> None:
        """Write a file in which one convolution alone is in INT8."""
        onnx.save(self._quantised(only=[layer]), str(out))

    def _quantised(self, *, excluded: Sequence[str] = (), only: Sequence[str] = ()) -> Any:
        copied = onnx.ModelProto()
        copied.CopyFrom(self._graph)  # the quantiser works in place
        quantizer: Any = QDQQuantizer(
            copied,
            per_channel=True,
            reduce_range=self._scheme.seven_bits,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QInt8 if self._scheme.symmetric_activations else QuantType.QUInt8,
            tensors_range=self._ranges,
            nodes_to_quantize=list(only),
            nodes_to_exclude=list(excluded),
            op_types_to_quantize=_OPERATORS,
            extra_options={"WeightSymmetric": True, "ActivationSymmetric": self._scheme.symmetric_activations},
        )
        quantizer.quantize_model()
        return quantizer.model.model


class _Reader(CalibrationDataReader):
    """Hands the calibration inputs to ONNX Runtime, one after another."""

    def __init__(self, name: str, tensors: Sequence[NDArray[np.uint8]]) -> None:
        self._inputs: Iterator[dict[str, NDArray[np.uint8]]] = iter([{name: tensor} for tensor in tensors])

    def get_next(self) -> Any:
        """Return the next input, None after the last one."""
        return next(self._inputs, None)


def _nodes(graph: Any) -> dict[str, Node]:
    """Return the graph's nodes; those without a name get one, since the quantiser leaves nodes out by name."""
    producers: dict[str, str] = {}
    for index, node in enumerate(graph.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
        producers |= dict.fromkeys(node.output, node.name)
    return {
        node.name: Node(node.op_type, tuple(producers[source] for source in node.input if source in producers))
        for node in graph.graph.node
    }


def _output(graph: Any) -> str:
    wanted = graph.graph.output[0].name
    return next(node.name for node in graph.graph.node if wanted in node.output)

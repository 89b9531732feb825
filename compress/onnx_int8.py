"""INT8 for ONNX Runtime: static quantisation into QDQ form with the detector's tail in float."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from compress.float_tail import Node, float_tail


def quantize_for_onnxruntime(model: Path, out: Path, tensors: Sequence[NDArray[np.uint8]]) -> tuple[str, ...]:
    """Write an ONNX model as an INT8 ONNX model.

    Weights are symmetric, by channel, and use seven of their eight bits: CPUs without VNNI add two products of a u8
    and an s8 in 16 bits, which saturates with eight.

    Args:
        model: The float ONNX model.
        out: The file to write.
        tensors: Calibration inputs, each as the model takes it.

    Returns:
        Names of the nodes that stayed in float.
    """
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(model)))
    nodes = _nodes(graph)
    tail = sorted(float_tail(nodes, _output(graph)))
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        # Shapes are inferred above and batch norms were folded by the export; the mark keeps the quantiser from asking.
        graph.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
        named = Path(folder) / "named.onnx"
        onnx.save(graph, str(named))
        quantize_static(
            named,
            out,
            _Reader(graph.graph.input[0].name, tensors),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=tail,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
        )
    return tuple(tail)


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

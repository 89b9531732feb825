"""What a model weighs and computes, and the same counted in an exported file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from pydantic import NonNegativeInt

from devices.errors import EdgekitError
from edge.model.manifest import Part

_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


class ModelSize(Part):
    """Parameters of a model, and multiply-accumulate operations for one picture."""

    parameters: NonNegativeInt
    macs: NonNegativeInt


def exported_size(path: Path) -> ModelSize:
    """Count the convolutions' parameters and multiplications in an ONNX file of fixed input size.

    Raises:
        EdgekitError: It cannot be read.
    """
    try:
        model: Any = onnx.shape_inference.infer_shapes(onnx.load(str(path)))
    except Exception as exc:
        raise EdgekitError(f"{path} cannot be read as an ONNX model: {exc}") from exc
    graph = model.graph
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    shapes = {
        value.name: tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.output)
    }
    shapes |= {value.name: tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim) for value in graph.input}
    convolutions = [node for node in graph.node if node.op_type in _CONVOLUTIONS]
    return ModelSize(
        parameters=sum(_numbers(weights, node.input[1:]) for node in convolutions),
        macs=sum(
            _numbers(weights, node.input[1:2]) * _pixels(shapes, _where_weights_meet(node)) for node in convolutions
        ),
    )


def _where_weights_meet(node: Any) -> str:
    """Return the tensor of which each pixel is multiplied with all weights: a transposed convolution's is its input."""
    return node.output[0] if node.op_type == "Conv" else node.input[0]


def _numbers(weights: Mapping[str, tuple[int, ...]], names: Any) -> int:
    return sum(int(np.prod(weights[name])) for name in names if name in weights)


def _pixels(shapes: Mapping[str, tuple[int, ...]], name: str) -> int:
    return int(np.prod(shapes[name][2:]))

"""Slices that together cut a tensor into parts, as the one node that says so.

The NMS-free head of a YOLO26 that segments cuts its rows into boxes, scores and coefficients by three slices. OpenVINO
2026.4 joins such slices itself, and gets it wrong: the model cannot be loaded.
"""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

_LEAST_PARTS = 3


def with_cuts_as_splits(model: Any) -> Any:
    """Return a model in which slices that cut an axis into three or more parts without a rest are one Split."""
    graph = model.graph
    constants: dict[str, Any] = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    shapes = _shapes(model)
    found: dict[tuple[str, int], list[tuple[int, int, Any]]] = {}
    for node in graph.node:
        bounds = [constants.get(name) for name in node.input[1:]]
        if node.op_type != "Slice" or any(bound is None or bound.size != 1 for bound in bounds):
            continue
        start, end, axis, step = [int(bound.item()) for bound in bounds if bound is not None] + [1] * (4 - len(bounds))
        shape = shapes.get(node.input[0])
        if shape and len(bounds) > 2 and step == 1 and start >= 0:  # noqa: PLR2004 - start, end and axis are given
            size = shape[axis]
            found.setdefault((node.input[0], axis % len(shape)), []).append((start, min(end, size), node))
    for (data, axis), parts in found.items():
        parts.sort(key=lambda part: part[0])
        edges = [start for start, _, _ in parts] + [shapes[data][axis]]
        if len(parts) >= _LEAST_PARTS and edges[0] == 0 and edges[1:] == [end for _, end, _ in parts]:
            _join(graph, data, axis, parts)
    return model


def _shapes(model: Any) -> dict[str, list[int]]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    return {
        entry.name: [axis.dim_value for axis in entry.type.tensor_type.shape.dim]
        for entry in (*inferred.value_info, *inferred.input)
    }


def _join(graph: Any, data: str, axis: int, parts: list[tuple[int, int, Any]]) -> None:
    sizes = f"edgekit.sizes.{parts[0][2].name}"
    graph.initializer.append(numpy_helper.from_array(np.array([end - start for start, end, _ in parts]), sizes))
    split = helper.make_node(
        "Split", [data, sizes], [node.output[0] for _, _, node in parts], f"{parts[0][2].name}/split", axis=axis
    )
    nodes = list(graph.node)
    first = min(nodes.index(node) for _, _, node in parts)
    for _, _, node in parts:
        graph.node.remove(node)
    graph.node.insert(first, split)

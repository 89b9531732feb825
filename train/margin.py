"""A grey margin around the picture, put there by the exported graph itself.

Most of what a detector learns from lies within a mosaic or shrunk onto grey, so that it knows things at the edge of a
picture less well than the same things with something around them. The margin gives them that, on the box too, and
neither the input's size nor the meaning of the output changes by it.
"""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from devices.errors import EdgekitError
from edge.model.geometry import PADDING

STEP = 16  # pixels: twice the margin is a multiple of the coarsest stride, 32
PAD = "margin/pad"
"""The node that puts the margin there."""
_PADS = "margin.pads"
_PROTOTYPE_STRIDE = 4


def check_margin(margin: int) -> None:
    """Refuse a margin that no head can have.

    Raises:
        EdgekitError: It is no multiple of `STEP`.
    """
    if margin < 0 or margin % STEP:
        raise EdgekitError(f"a margin of {margin} pixels is not possible: it must be a multiple of {STEP}")


def with_margin(model: Any, margin: int, *, corners: bool) -> Any:
    """Return a model for smaller pictures, around which it puts grey itself.

    Args:
        model: Float NCHW RGB, 0 to 1, of a fixed size; its predictions, and prototypes where it has them.
        margin: Pixels on each side.
        corners: Whether boxes are rows of xyxy (1, K, columns) rather than columns of cxcywh (1, rows, N).
    """
    if margin == 0:
        return model
    graph = model.graph
    _pad_input(graph, margin)
    predictions, *prototypes = graph.output
    shape = [axis.dim_value for axis in predictions.type.tensor_type.shape.dim]
    by, axis = np.zeros(shape[2] if corners else shape[1], np.float32), 2 if corners else 1
    by[: 4 if corners else 2] = margin
    broadcast = [len(by) if number == axis else 1 for number in range(3)]
    graph.initializer.append(numpy_helper.from_array(by.reshape(broadcast), "margin.by"))
    rename_value(graph, predictions.name, "margin.wide")
    graph.node.append(helper.make_node("Sub", ["margin.wide", "margin.by"], [predictions.name], "margin/shift"))
    for each in prototypes:
        _crop(graph, each, margin // _PROTOTYPE_STRIDE)
    return model


def margin_in(model: Any) -> int:
    """Return how many pixels of grey an exported graph puts around its picture on each side."""
    if not any(node.name == PAD for node in model.graph.node):
        return 0
    pads = next(one for one in model.graph.initializer if one.name == _PADS)
    return int(numpy_helper.to_array(pads)[-1])


def rename_value(graph: Any, old: str, new: str) -> None:
    """Give a value another name wherever nodes make or take it; the graph's own inputs and outputs keep theirs."""
    for node in graph.node:
        node.output[:] = [new if name == old else name for name in node.output]
        node.input[:] = [new if name == old else name for name in node.input]


def _pad_input(graph: Any, margin: int) -> None:
    inner = graph.input[0].name
    _, channels, height, width = (axis.dim_value for axis in graph.input[0].type.tensor_type.shape.dim)
    pads = np.array([0, 0, margin, margin] * 2, np.int64)
    graph.initializer.append(numpy_helper.from_array(pads, _PADS))
    graph.initializer.append(numpy_helper.from_array(np.array(PADDING / 255, np.float32), "margin.grey"))
    graph.node.insert(0, helper.make_node("Pad", ["margin.bare", _PADS, "margin.grey"], [inner], PAD))
    size = [1, channels, height - 2 * margin, width - 2 * margin]
    graph.input[0].CopyFrom(helper.make_tensor_value_info("margin.bare", TensorProto.FLOAT, size))


def _crop(graph: Any, output: Any, cells: int) -> None:
    for name, value in (("from", cells), ("to", -cells)):
        graph.initializer.append(numpy_helper.from_array(np.full(2, value, np.int64), f"margin.{name}"))
    graph.initializer.append(numpy_helper.from_array(np.array([2, 3], np.int64), "margin.axes"))
    rename_value(graph, output.name, "margin.whole")
    limits = ["margin.from", "margin.to", "margin.axes"]
    graph.node.append(helper.make_node("Slice", ["margin.whole", *limits], [output.name], "margin/crop"))
    for axis in output.type.tensor_type.shape.dim[2:]:
        axis.dim_value -= 2 * cells

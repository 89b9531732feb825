"""An exported model's graph in the form that OpenVINO's CPU computes fastest once it is in INT8."""

from typing import Any

import numpy as np
from openvino import opset13 as operators
from openvino._offline_transformations import apply_moc_transformations

from edge.model.geometry import PADDING
from train.margin import PAD


def optimise_for_int8(graph: Any) -> None:
    """Change a graph as `Core.read_model` gives it, before its ranges are measured; what it computes stays the same.

    Source: OpenVINO's times of each layer, RESULTS.md.

    Args:
        graph: An `openvino.Model` of one picture (1, height, width, 3) uint8, as `edgekit train export` writes it.
    """
    _pad_in_bytes(graph)
    # As it is read a SiLU is a Sigmoid and a Multiply, and biases are made by nodes: NNCF then quantises what a SiLU
    # multiplies, and those ranges cost a fifth of a nano detector's time on a CPU.
    # `openvino.convert_model` would do the same and tell its makers of it.
    apply_moc_transformations(graph, cf=True)


def _pad_in_bytes(graph: Any) -> None:
    """Put the margin around the picture's bytes rather than around its floats.

    A range cannot be moved over a Pad by something else than zero, so that the first convolution, of the most pixels,
    would stay in float. In the exported file it stays where it is: CUDA pads no bytes.
    """
    pad = next((each for each in graph.get_ops() if each.get_friendly_name() == PAD), None)
    if pad is None:
        return
    bare, wide = pad.input_value(0), pad.output(0)
    margin = (wide.get_partial_shape()[2].get_length() - bare.get_partial_shape()[2].get_length()) // 2
    (picture,) = graph.get_parameters()
    takers = picture.output(0).get_target_inputs()
    around = [0, margin, margin, 0]
    padded = operators.pad(picture, around, around, "constant", operators.constant(PADDING, np.uint8))
    padded.set_friendly_name(PAD)
    for taker in takers:
        taker.replace_source_output(padded.output(0))
    for taker in wide.get_target_inputs():
        taker.replace_source_output(bare)
    graph.validate_nodes_and_infer_types()

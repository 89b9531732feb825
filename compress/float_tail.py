"""Which part of a detector stays in float: what comes after the last convolutions, and those themselves.

One INT8 scale over boxes in pixels and scores below 1 is what made published INT8 detectors collapse. The part is
found in the graph, not by names, so that every YOLO of the three families is covered, with and without DFL.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_CONVOLUTIONS = frozenset({"Conv", "Convolution", "GroupConvolution"})
_SOFTMAX = frozenset({"Softmax", "SoftMax"})
_PASSING = frozenset({"Reshape", "Transpose"})


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a model's graph: its operator as ONNX or OpenVINO names it, and the nodes that feed it, by name."""

    operator: str
    sources: tuple[str, ...]


def float_tail(nodes: Mapping[str, Node], output: str) -> frozenset[str]:
    """Return the names of the nodes that stay in float.

    The walk goes from the output backwards and ends at convolutions. DFL is a convolution too, fed by a softmax: it
    does not end the walk, so that box logits are reached through it.

    Args:
        nodes: The graph by node name; sources that are no nodes (constants, inputs) may be left out of it.
        output: Name of the node that gives the predictions.
    """
    found: set[str] = set()
    waiting = [output]
    while waiting:
        name = waiting.pop()
        node = nodes.get(name)
        if node is None or name in found:
            continue
        found.add(name)
        if node.operator not in _CONVOLUTIONS or _is_dfl(nodes, node):
            waiting += node.sources
    return frozenset(found)


def _is_dfl(nodes: Mapping[str, Node], node: Node) -> bool:
    """Whether a convolution takes the expectation of a softmax."""
    for name in node.sources:
        source = nodes.get(name)
        while source is not None and source.operator in _PASSING and source.sources:
            source = nodes.get(source.sources[0])
        if source is not None and source.operator in _SOFTMAX:
            return True
    return False

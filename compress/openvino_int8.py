"""INT8 for OpenVINO: NNCF's post-training quantisation with the detector's tail in float."""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# NNCF reads this as it is imported and then reports nothing to anybody.
os.environ.setdefault("NNCF_CI", "1")

import nncf
import openvino as ov

from compress.float_tail import Node, float_tail
from compress.openvino_graph import optimise_for_int8
from devices.errors import EdgekitError


class OpenvinoQuantizer:
    """A float model and its calibration inputs, so that INT8 files of it can be written with any layers in float.

    Args:
        model: The float ONNX model; its nodes keep their names.
        tensors: Calibration inputs, each as the model takes it.

    Raises:
        EdgekitError: OpenVINO cannot read the model.
    """

    def __init__(self, model: Path, tensors: Sequence[NDArray[np.uint8]]) -> None:
        logging.getLogger("nncf").setLevel(logging.WARNING)
        try:
            self._graph = ov.Core().read_model(model)
        except RuntimeError as exc:
            raise EdgekitError(f"OpenVINO cannot read {model}: {str(exc).strip().splitlines()[0]}") from exc
        optimise_for_int8(self._graph)
        self._tensors = tensors
        nodes = _nodes(self._graph)
        self._names = nodes.keys()
        self.tail = float_tail(nodes, _output(self._graph))
        """Names of the nodes that stay in float whatever is asked for."""

    def write(self, out: Path, float_layers: Iterable[str] = ()) -> tuple[str, ...]:
        """Write an INT8 file, `out` (.xml) with its weights beside it (.bin); return the nodes that stayed in float.

        Args:
            out: The .xml to write.
            float_layers: Convolutions that stay in float beside the tail.
        """
        # OpenVINO parts a convolution from its bias, and gives the name to the sum.
        wanted = {each for name in float_layers for each in (name, f"{name}/WithoutBiases")}
        stay = sorted({*self.tail, *(wanted & self._names)})
        quantised = nncf.quantize(
            self._graph.clone(),
            nncf.Dataset(self._tensors),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(self._tensors),
            fast_bias_correction=True,
            # The tail also holds nodes that NNCF's own graph leaves out (constants, reshapes folded away).
            ignored_scope=nncf.IgnoredScope(names=stay, validate=False),
        )
        ov.save_model(quantised, out, compress_to_fp16=False)
        return tuple(stay)


def convert_for_openvino(model: Path, out: Path) -> None:
    """Write an ONNX model as a float OpenVINO model, `out` (.xml) with its weights beside it (.bin)."""
    ov.save_model(ov.Core().read_model(model), out, compress_to_fp16=False)


def _nodes(graph: Any) -> dict[str, Node]:
    return {
        operation.get_friendly_name(): Node(
            operation.get_type_name(),
            tuple(source.get_source_output().get_node().get_friendly_name() for source in operation.inputs()),
        )
        for operation in graph.get_ops()
    }


def _output(graph: Any) -> str:
    return str(graph.get_results()[0].get_friendly_name())

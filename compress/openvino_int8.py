"""INT8 for OpenVINO: NNCF's post-training quantisation with the detector's tail in float."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# NNCF reads this as it is imported and then reports nothing to anybody.
os.environ.setdefault("NNCF_CI", "1")

import nncf
import openvino as ov

from compress.float_tail import Node, float_tail
from devices.errors import EdgekitError


def quantize_for_openvino(model: Path, out: Path, tensors: Sequence[NDArray[np.uint8]]) -> tuple[str, ...]:
    """Write an ONNX model as an INT8 OpenVINO model, `out` (.xml) with its weights beside it (.bin).

    Args:
        model: The float ONNX model.
        out: The .xml to write.
        tensors: Calibration inputs, each as the model takes it.

    Returns:
        Names of the nodes that stayed in float.

    Raises:
        EdgekitError: OpenVINO cannot read the model.
    """
    logging.getLogger("nncf").setLevel(logging.WARNING)
    try:
        graph = ov.Core().read_model(model)
    except RuntimeError as exc:
        raise EdgekitError(f"OpenVINO cannot read {model}: {str(exc).strip().splitlines()[0]}") from exc
    tail = sorted(float_tail(_nodes(graph), _output(graph)))
    quantised = nncf.quantize(
        graph,
        nncf.Dataset(tensors),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(tensors),
        fast_bias_correction=True,
        # The tail also holds nodes that NNCF's own graph leaves out (constants, reshapes folded away).
        ignored_scope=nncf.IgnoredScope(names=tail, validate=False),
    )
    ov.save_model(quantised, out, compress_to_fp16=False)
    return tuple(tail)


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

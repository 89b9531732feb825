"""What an ONNX file may not hold on its way to a runtime, and that no bytes whatever do harm on the way."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from devices.errors import EdgekitError
from edge.model.bundle import open_bundle
from edge.model.detector import load_detector
from edge.model.onnx_scan import scan_onnx

DEMO = Path(__file__).parents[3] / "edge/demo/bundle/detector-int8.onnx"


def model(
    nodes: list[onnx.NodeProto] | None = None, shape: tuple[Any, ...] = (1, 4), opset: int = 17, ir: int = 10
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes or [helper.make_node("Add", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(shape))],
        [numpy_helper.from_array(np.ones((1, 4), np.float32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def with_external_data() -> onnx.ModelProto:
    made = model()
    weight = made.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../etc/passwd")
    return made


def with_external_constant() -> onnx.ModelProto:
    constant = numpy_helper.from_array(np.ones((1, 4), np.float32))
    constant.external_data.add(key="location", value="/dev/zero")
    return model([helper.make_node("Constant", [], ["y"], value=constant)])


def with_branch() -> onnx.ModelProto:
    inner = model().graph
    return model([helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)])


def with_hidden_graph() -> onnx.ModelProto:
    return model([helper.make_node("Relu", ["x"], ["y"], body=model().graph)])


def with_function() -> onnx.ModelProto:
    made = model()
    made.functions.add(name="f", domain="local")
    return made


def with_huge_weight() -> onnx.ModelProto:
    made = model()
    made.graph.initializer[0].dims[:] = [1 << 20, 1 << 20]
    return made


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (with_external_data, "lie in a file beside it"),
        (with_external_constant, "lie in a file beside it"),
        (with_branch, "the operator If"),
        (with_hidden_graph, "holds a graph"),
        (with_function, "operators of its own"),
        (with_huge_weight, "larger than any model"),
        (lambda: model([helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")]), "domain com.microsoft"),
        (lambda: model([helper.make_node("Relu", ["x"], ["y"])] * 20_001), "20001 operators"),
        (lambda: model(opset=22), "opset is 22"),
        (lambda: model(ir=11), "IR version is 11"),
        (lambda: model(shape=("batch", 4)), "no fixed size"),
        (lambda: model(shape=(1, 1 << 21)), "its input has the shape"),
    ],
)
def test_what_no_export_holds_is_refused_by_name(make: Callable[[], onnx.ModelProto], fault: str) -> None:
    with pytest.raises(EdgekitError, match=fault):
        scan_onnx(make().SerializeToString(), "model.onnx")


def test_what_the_kit_exports_passes() -> None:
    scan_onnx(model().SerializeToString(), "model.onnx")
    scan_onnx(DEMO.read_bytes(), str(DEMO))


@pytest.mark.parametrize("beyond", [1 << 32, 1 << 34])
def test_a_field_that_a_runtime_would_know_by_half_its_key_is_refused(beyond: int) -> None:
    # ONNX Runtime and OpenVINO read the weight behind such a key, and the file that it names.
    key, weight = _varint((5 << 3 | 2) + beyond), with_external_data().graph.initializer[0].SerializeToString()
    made = model()
    made.graph.ClearField("initializer")
    graph = made.graph.SerializeToString() + key + _varint(len(weight)) + weight
    made.ClearField("graph")
    content = made.SerializeToString() + _varint(7 << 3 | 2) + _varint(len(graph)) + graph
    with pytest.raises(EdgekitError, match="no ONNX file"):
        scan_onnx(content, "model.onnx")


@pytest.mark.parametrize(
    "many",
    [b"\x10\x01" * 4_000_000, b"\x2a\x85\x92\xf4\x01\x0a\x80\x92\xf4\x01" + b"\x01" * 4_000_000],
    ids=["fields", "sides"],
)
def test_a_graph_or_a_shape_of_millions_of_parts_is_not_listed_to_its_end(many: bytes) -> None:
    made = model()
    made.ClearField("graph")
    content = made.SerializeToString() + b"\x3a" + _varint(len(many)) + many
    with pytest.raises(EdgekitError, match="more than 131072"):
        scan_onnx(content, "model.onnx")


def test_a_file_that_its_runtime_would_take_for_another_format_is_refused() -> None:
    made = model()
    made.producer_name = "ORTM"
    with pytest.raises(EdgekitError, match="ONNX Runtime's own format"):
        scan_onnx(made.SerializeToString(), "model.onnx")


def test_of_an_operator_that_is_named_twice_the_last_name_counts() -> None:
    made = model()
    node = made.graph.node[0]
    node.ClearField("op_type")
    hidden = node.SerializeToString() + b"\x22\x03Add" + b"\x22\x04Loop"
    made.graph.ClearField("node")
    graph = made.graph.SerializeToString() + b"\x0a" + _varint(len(hidden)) + hidden
    made.ClearField("graph")
    with pytest.raises(EdgekitError, match="the operator Loop"):
        scan_onnx(made.SerializeToString() + b"\x3a" + _varint(len(graph)) + graph, "model.onnx")


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_refused(content: bytes) -> None:
    with pytest.raises(EdgekitError):
        scan_onnx(content, "model.onnx")


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_a_damaged_model_is_scanned_or_refused_and_nothing_else(place: int, damage: bytes) -> None:
    content = model().SerializeToString()
    damaged = content[: place % len(content)] + damage + content[place % len(content) + len(damage) :]
    with contextlib.suppress(EdgekitError):
        scan_onnx(damaged, "model.onnx")


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_bundle_with_a_harmful_model_is_refused_before_a_runtime_sees_it(
    make_bundle: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, backend: Any
) -> None:
    bundle = make_bundle()
    monkeypatch.setattr("edge.model.onnx_scan.MOST_OPSET", 16)
    with pytest.raises(EdgekitError, match="opset is 17"):
        load_detector(open_bundle(bundle.folder, [bundle.public]), backend=backend)

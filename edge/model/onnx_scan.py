"""Looks through an ONNX file before a runtime does: those of older boxes predate the mending of holes in their parsers.

A file comes from a trusted signer, but what a signer was given may come from anywhere. So what no export of this kit
holds is refused here: data outside the file, operators of other makers, nested graphs, shapes and sizes out of reason.
Only the outer form of the file is read (protocol buffers, the fields named below), with bounds on everything.

Source: onnx.proto of ONNX 1.17 (field numbers); the encoding of protocol buffers (wire types 0, 1, 2, 5).
"""

from collections.abc import Iterator
from math import prod

from devices.errors import EdgekitError
from edge.printable import printable

MOST_OPSET = 20  # ONNX Runtime 1.23, the newest on JetPack 6, is sure to know it
MOST_IR = 10
_DOMAINS = frozenset({b"", b"ai.onnx"})
_NESTED = frozenset({b"If", b"Loop", b"Scan", b"SequenceMap"})
_MOST_NODES = 20_000
_MOST_FIELDS = 1 << 17  # of one message: each is a few bytes in the file and a hundred while it is looked at
_MOST_SIDE = 1 << 20
_MOST_ELEMENTS = 1 << 28

_ORT_FORMAT = b"ORTM"  # at its fifth byte: ONNX Runtime takes the file for one of its own format, whatever else it is
_LONGEST_VARINT = 10
_KEY_BITS = 32  # runtimes drop what is beyond: a key with more would be one field to them and another one here


class _Model:
    """Field numbers of ModelProto."""

    IR, GRAPH, OPSET, FUNCTIONS = 1, 7, 8, 25


class _Opset:
    """Of OperatorSetIdProto."""

    DOMAIN, VERSION = 1, 2


class _Graph:
    """Of GraphProto."""

    NODE, INITIALIZER, INPUT, OUTPUT, SPARSE = 1, 5, 11, 12, 15


class _Node:
    """Of NodeProto."""

    OPERATOR, ATTRIBUTE, DOMAIN = 4, 5, 7


class _Attribute:
    """Of AttributeProto."""

    TENSOR, GRAPH, TENSORS, GRAPHS, SPARSE, SPARSES = 5, 6, 10, 11, 22, 23


class _Tensor:
    """Of TensorProto."""

    DIMS, EXTERNAL, LOCATION = 1, 13, 14


class _ValueInfo:
    """Of ValueInfoProto, TypeProto, its Tensor, TensorShapeProto and its Dimension, down to a side of the shape."""

    TYPE, TENSOR, SHAPE, DIMENSION, SIDE = 2, 1, 2, 1, 1


class _BrokenError(Exception):
    """The bytes are no protocol buffer."""


def scan_onnx(content: bytes, name: str) -> None:
    """Refuse an ONNX file that no export of this kit can have given.

    Args:
        content: The whole file.
        name: Of the file, for messages.

    Raises:
        EdgekitError: Says what is in it that may not be, and what to do.
    """
    try:
        _scan_model(memoryview(content))
    except _BrokenError as exc:
        raise EdgekitError(f"{name} is no ONNX file ({exc}): export it again with `edgekit train export`") from None
    except ValueError as exc:
        raise EdgekitError(f"{name} is refused: {exc}; export it again with `edgekit train export`") from None


def _scan_model(model: memoryview) -> None:
    if bytes(model[4:8]) == _ORT_FORMAT:
        raise _BrokenError("it is in ONNX Runtime's own format")
    fields = list(_fields(model))
    if _messages(fields, _Model.FUNCTIONS):
        raise ValueError("it defines operators of its own")
    graphs = _messages(fields, _Model.GRAPH)
    if len(graphs) != 1:
        raise ValueError(f"it holds {len(graphs)} graphs, not one")
    ir = max(_integers(fields, _Model.IR), default=0)
    if not 1 <= ir <= MOST_IR:
        raise ValueError(f"its IR version is {ir}, and the oldest boxes know up to {MOST_IR}")
    opset = max((_opset(each) for each in _messages(fields, _Model.OPSET)), default=0)
    if not 1 <= opset <= MOST_OPSET:
        raise ValueError(f"its opset is {opset}, and the oldest boxes know up to {MOST_OPSET}")
    _scan_graph(graphs[0])


def _opset(opset: memoryview) -> int:
    """Return the version of ONNX's own operators that an entry imports, 0 where it is of another domain."""
    fields = list(_fields(opset))
    domain = _text(fields, _Opset.DOMAIN)
    return max(_integers(fields, _Opset.VERSION), default=0) if domain in _DOMAINS else 0


def _scan_graph(graph: memoryview) -> None:
    fields = list(_fields(graph))
    nodes = _messages(fields, _Graph.NODE)
    if len(nodes) > _MOST_NODES:
        raise ValueError(f"it has {len(nodes)} operators, more than the {_MOST_NODES} of any detector")
    if _messages(fields, _Graph.SPARSE):
        raise ValueError("it holds sparse weights")
    for tensor in _messages(fields, _Graph.INITIALIZER):
        _scan_tensor(tensor)
    for number, what in ((_Graph.INPUT, "input"), (_Graph.OUTPUT, "output")):
        for value in _messages(fields, number):
            _scan_shape(value, what)
    for node in nodes:
        _scan_node(node)


def _scan_node(node: memoryview) -> None:
    fields = list(_fields(node))
    operator, domain = _text(fields, _Node.OPERATOR), _text(fields, _Node.DOMAIN)
    if domain not in _DOMAINS:
        raise ValueError(f"its operator {_shown(operator)} is of the domain {_shown(domain)}, not one of ONNX itself")
    if operator in _NESTED:
        raise ValueError(f"it holds the operator {_shown(operator)}, which no detector or classifier needs")
    for attribute in _messages(fields, _Node.ATTRIBUTE):
        parts = list(_fields(attribute))
        if _messages(parts, _Attribute.GRAPH) or _messages(parts, _Attribute.GRAPHS):
            raise ValueError(f"its operator {_shown(operator)} holds a graph")
        if _messages(parts, _Attribute.SPARSE) or _messages(parts, _Attribute.SPARSES):
            raise ValueError("it holds sparse weights")
        for number in (_Attribute.TENSOR, _Attribute.TENSORS):
            for tensor in _messages(parts, number):
                _scan_tensor(tensor)


def _scan_tensor(tensor: memoryview) -> None:
    fields = list(_fields(tensor))
    if _messages(fields, _Tensor.EXTERNAL) or any(_integers(fields, _Tensor.LOCATION)):
        raise ValueError("its weights lie in a file beside it, and a bundle's model must be whole")
    _check_size(_integers(fields, _Tensor.DIMS), "a weight")


def _scan_shape(value: memoryview, what: str) -> None:
    parts = [value]
    for number in (_ValueInfo.TYPE, _ValueInfo.TENSOR, _ValueInfo.SHAPE, _ValueInfo.DIMENSION):
        parts = [inner for part in parts for inner in _messages(list(_fields(part)), number)]
    sides = [side for part in parts for side in _integers(list(_fields(part)), _ValueInfo.SIDE)]
    if len(sides) != len(parts):
        raise ValueError(f"its {what} has a side of no fixed size")
    _check_size(sides, f"its {what}")


def _check_size(sides: list[int], what: str) -> None:
    if any(not 0 <= side <= _MOST_SIDE for side in sides) or prod(sides) > _MOST_ELEMENTS:
        raise ValueError(f"{what} has the shape {sides[:8]}, larger than any model for a box")


_Field = tuple[int, int | memoryview]


def _fields(message: memoryview) -> Iterator[_Field]:
    """Yield number and value of each field of a message: integers, and bytes for all that has a length."""
    place = count = 0
    while place < len(message):
        count += 1
        if count > _MOST_FIELDS:
            raise _BrokenError(f"a message has more than {_MOST_FIELDS} fields")
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if not number or key >> _KEY_BITS:
            raise _BrokenError("a field has a number that there is not")
        match wire:
            case 0:  # a varint
                value, place = _varint(message, place)
                yield number, value
            case 2:  # bytes with their length
                size, place = _varint(message, place)
                if size > len(message) - place:
                    raise _BrokenError("a field reaches beyond its end")
                yield number, message[place : place + size]
                place += size
            case 1 | 5:  # eight or four bytes: floats, which nothing here asks for
                place += 8 if wire == 1 else 4
                if place > len(message):
                    raise _BrokenError("a field reaches beyond its end")
            case _:
                raise _BrokenError(f"wire type {wire}")


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the number that begins at a place, and the place behind it."""
    value = 0
    for index in range(_LONGEST_VARINT):
        if place + index >= len(message):
            raise _BrokenError("a number breaks off")
        byte = message[place + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, place + index + 1
    raise _BrokenError("a number is too long")


def _messages(fields: list[_Field], number: int) -> list[memoryview]:
    return [value for found, value in fields if found == number and isinstance(value, memoryview)]


def _integers(fields: list[_Field], number: int) -> list[int]:
    """Return the integers of a field, packed or one by one."""
    integers: list[int] = []
    for found, value in fields:
        if found != number:
            continue
        if isinstance(value, int):
            integers.append(value)
            continue
        if len(value) > _MOST_FIELDS:
            raise _BrokenError(f"a list of numbers has more than {_MOST_FIELDS} bytes")
        place = 0
        while place < len(value):
            integer, place = _varint(value, place)
            integers.append(integer)
    return integers


def _text(fields: list[_Field], number: int) -> bytes:
    """Return a text; of one that is given twice runtimes take the last."""
    return bytes([b"", *_messages(fields, number)][-1])


def _shown(text: bytes) -> str:
    return printable(text[:64].decode(errors="replace"))

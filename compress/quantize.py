"""From an exported detector to its INT8 files for both engines, and a record of how they were made."""

import contextlib
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

import onnx

from compress.calibration import CalibrationSet
from devices.errors import EdgekitError
from edge.model.export_record import CLASSIFIER, DETECTOR, QUANTIZATION_RECORD, QuantizationRecord
from edge.model.manifest import Calibration


def quantize(model: Path, out: Path, calibration: CalibrationSet) -> QuantizationRecord:
    """Quantise a detector or a classifier for OpenVINO (NNCF) and ONNX Runtime (QDQ).

    Args:
        model: The exported ONNX file: input (1, height, width, 3) uint8.
        out: The new folder; it appears whole or not at all.
        calibration: The pictures whose activations set the scales.

    Raises:
        EdgekitError: The model is missing or was not exported by this kit, `out` exists, or a picture cannot be read.
    """
    height, width = input_size(model)
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    names = CLASSIFIER if model.stem == CLASSIFIER.stem else DETECTOR
    tensors = list(calibration.tensors(height, width))

    # Faults come first: importing NNCF takes seconds.
    import nncf  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415
    import openvino  # noqa: PLC0415

    from compress.onnx_int8 import quantize_for_onnxruntime  # noqa: PLC0415
    from compress.openvino_int8 import quantize_for_openvino  # noqa: PLC0415

    out.parent.mkdir(parents=True, exist_ok=True)
    # NNCF draws its progress on standard output, which belongs to the command's own result.
    with tempfile.TemporaryDirectory(dir=out.parent) as folder, contextlib.redirect_stdout(sys.stderr):
        partial = Path(folder) / out.name
        partial.mkdir()
        float_nodes = {
            "openvino": quantize_for_openvino(model, partial / names.int8_openvino, tensors),
            "onnx": quantize_for_onnxruntime(model, partial / names.int8_onnx, tensors),
        }
        record = QuantizationRecord(
            model=model.name,
            model_sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
            calibration=Calibration(digest=calibration.digest, pictures=len(tensors)),
            seed=calibration.seed,
            float_nodes=float_nodes,
            versions={module.__name__: str(module.__version__) for module in (nncf, onnxruntime, openvino)},
        )
        (partial / QUANTIZATION_RECORD).write_text(
            record.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8"
        )
        shutil.move(partial, out)
    return record


def input_size(model: Path) -> tuple[int, int]:
    """Return height and width of an exported detector's input.

    Raises:
        EdgekitError: The file is missing, is no ONNX model, or its input is not (1, height, width, 3) uint8.
    """
    try:
        graph = onnx.load(str(model), load_external_data=False).graph
    except Exception as exc:
        raise EdgekitError(f"{model} cannot be read as an ONNX model: {exc}") from exc
    shape = [axis.dim_value for axis in graph.input[0].type.tensor_type.shape.dim] if graph.input else []
    kind = graph.input[0].type.tensor_type.elem_type if graph.input else 0
    match shape:
        case [1, int(height), int(width), 3] if kind == onnx.TensorProto.UINT8 and min(height, width) > 0:
            return height, width
        case _:
            raise EdgekitError(
                f"the input of {model} is not (1, height, width, 3) uint8: export it with `edgekit train export`"
            )

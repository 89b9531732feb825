"""From an exported model to its INT8 files for both engines, and a record of how they were made."""

import contextlib
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from compress.aim import Aim
from compress.budget import AccuracyBudget, Budget
from compress.calibration import CalibrationSet
from compress.exported_model import ExportedModel
from compress.fallback import Attempt, fall_back
from compress.gates import Verdict
from compress.int8_scheme import Int8Scheme
from compress.refusal import RefusedError
from compress.sensitivity import LayerSensitivity, sensitivities
from devices.errors import EdgekitError
from edge.model.choice import Choice
from edge.model.export_record import QUANTIZATION_RECORD, QuantizationRecord
from edge.model.manifest import Calibration, Part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INT8_REPORT = "int8-report.json"
_LOOKED_AT = 6  # inputs that each layer's sensitivity is told from


class Int8Report(Part):
    """`int8-report.json`: how each engine's file came out, and which layers INT8 moves most."""

    scheme: Int8Scheme = Field(description="of ONNX Runtime's file")
    budget: Budget | AccuracyBudget | None
    attempts: dict[str, tuple[Attempt, ...]] = Field(description="by engine; the last one is the file")
    sensitivities: tuple[LayerSensitivity, ...] = Field(description="worst first; empty where nobody asked")

    def told(self) -> list[str]:
        """Return what came of it in lines."""
        lines = [
            f"{engine}: {attempts[-1].verdict.told()}; {len(attempts[-1].float_layers)} layers back in float"
            for engine, attempts in self.attempts.items()
        ]
        worst = ", ".join(f"{one.layer} {one.moved:.4f}" for one in self.sensitivities[:5])
        return [*lines, f"most sensitive layers: {worst}"] if worst else lines


def quantize(
    model: ExportedModel,
    out: Path,
    calibration: CalibrationSet,
    *,
    scheme: Int8Scheme = Int8Scheme.ANY_CPU,
    aim: Aim | None = None,
    sensitivity: bool = False,
) -> Int8Report:
    """Quantise a detector or a classifier for OpenVINO (NNCF) and ONNX Runtime (QDQ).

    Args:
        model: The exported model.
        out: The new folder; it appears whole or not at all.
        calibration: The pictures whose activations set the scales.
        scheme: What ONNX Runtime's file is for.
        aim: What has to be kept; layers go back to float until it is. None: nothing is looked at.
        sensitivity: Measure every layer's own share, whether it is needed or not.

    Raises:
        EdgekitError: `out` exists, or a picture cannot be read.
        RefusedError: What has to be kept cannot be.
    """
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    tensors = list(calibration.tensors(model.height, model.width))
    out.parent.mkdir(parents=True, exist_ok=True)
    # NNCF draws its progress on standard output, which belongs to the command's own result.
    with tempfile.TemporaryDirectory(dir=out.parent) as folder, contextlib.redirect_stdout(sys.stderr):
        partial = Path(folder) / out.name
        partial.mkdir()
        work = _Work(model, partial, tensors, scheme, aim)
        float_nodes = work.write_all()
        report = Int8Report(
            scheme=scheme,
            budget=aim.budget if aim is not None else None,
            attempts=work.attempts,
            sensitivities=work.order() if sensitivity else work.known_order,
        )
        (partial / INT8_REPORT).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
        record = _record(model, calibration, len(tensors), float_nodes)
        (partial / QUANTIZATION_RECORD).write_text(
            record.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8"
        )
        shutil.move(partial, out)
    return report


class _Work:
    """Writes the files of one quantisation, and looks at each as far as that is asked for."""

    def __init__(
        self,
        model: ExportedModel,
        folder: Path,
        tensors: "Sequence[NDArray[np.uint8]]",
        scheme: Int8Scheme,
        aim: Aim | None,
    ) -> None:
        # Faults come first: importing NNCF takes seconds.
        from compress.onnx_int8 import OnnxQuantizer  # noqa: PLC0415
        from compress.openvino_int8 import OpenvinoQuantizer  # noqa: PLC0415

        self._model = model
        self._folder = folder
        self._tensors = tensors
        self._aim = aim
        self._openvino = OpenvinoQuantizer(model.file, tensors)
        self._onnx = OnnxQuantizer(model.file, tensors, scheme)
        self.attempts: dict[str, tuple[Attempt, ...]] = {}
        self.known_order: tuple[LayerSensitivity, ...] = ()

    def write_all(self) -> dict[str, tuple[str, ...]]:
        """Write both engines' files; return the nodes in float by the format's name."""
        names = self._model.names
        return {
            "openvino": self._write(Choice("openvino", "int8"), names.int8_openvino, self._openvino.write),
            "onnx": self._write(Choice("onnxruntime", "int8"), names.int8_onnx, self._onnx.write),
        }

    def order(self) -> tuple[LayerSensitivity, ...]:
        """Return the layers, the most sensitive first; measured once."""
        if not self.known_order:
            self.known_order = sensitivities(
                self._onnx, self._model.file, self._model.record, self._tensors[:_LOOKED_AT]
            )
        return self.known_order

    def _write(
        self, way: Choice, name: str, write: "Callable[[Path, Iterable[str]], tuple[str, ...]]"
    ) -> tuple[str, ...]:
        file, aim = self._folder / name, self._aim
        if aim is None:
            return write(file, ())
        judge = aim.judge_against(self._model.file, way)
        stayed: tuple[str, ...] = ()

        def attempt(float_layers: Sequence[str]) -> Verdict:
            nonlocal stayed
            stayed = write(file, float_layers)
            return judge(file)

        tried = fall_back(len(self._onnx.layers), lambda: [one.layer for one in self.order()], attempt)
        self.attempts[way.backend] = tried
        if not tried[-1].verdict.kept:
            raise RefusedError(
                f"INT8 for {way.backend} does not keep the budget, even with {len(tried[-1].float_layers)} layers back "
                f"in float: {tried[-1].verdict.told()}; allow more, calibrate on more pictures, or run this engine in "
                "float"
            )
        return stayed


def _record(
    model: ExportedModel, calibration: CalibrationSet, pictures: int, float_nodes: dict[str, tuple[str, ...]]
) -> QuantizationRecord:
    import nncf  # noqa: PLC0415 - as in `_Work`
    import onnxruntime  # noqa: PLC0415
    import openvino  # noqa: PLC0415

    return QuantizationRecord(
        model=model.file.name,
        model_sha256=hashlib.sha256(model.file.read_bytes()).hexdigest(),
        calibration=Calibration(digest=calibration.digest, pictures=pictures),
        seed=calibration.seed,
        float_nodes=float_nodes,
        versions={module.__name__: str(module.__version__) for module in (nncf, onnxruntime, openvino)},
    )

"""The model files of a bundle that is being built: which there are, their bytes, and what was measured on them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from edge.model.engine import ModelContent
from edge.model.export_record import ModelNames, QuantizationRecord, read_quantization
from edge.model.manifest import Format, ModelFile

SELF_TEST = "self-test.jpg"

Metrics = Mapping[tuple[str, str], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class BundleParts:
    """What a bundle is made of.

    Attributes:
        name: Of the model.
        version: Of the model, for people.
        release: Grows with each release.
        export: Folder that `train export` wrote.
        int8: Folder that `compress quantize` wrote, None for a bundle in float alone.
        with_fp32: Whether the float model goes in too.
        self_test: A picture on which the model is sure of something.
        only: The one form that goes in, where a bundle has to be small; None for those of both engines.
    """

    name: str
    version: str
    release: int
    export: Path
    int8: Path | None
    with_fp32: bool
    self_test: Path
    only: Format | None = None


@dataclass(frozen=True, slots=True)
class Members:
    """Everything that goes into a bundle beside its manifest.

    Attributes:
        contents: Bytes by path in the bundle.
        models: The model files among them.
        quantization: The record of the INT8 files, None where there are none.
    """

    contents: Mapping[str, bytes]
    models: tuple[ModelFile, ...]
    quantization: QuantizationRecord | None

    def content(self, model: ModelFile) -> ModelContent:
        """Return a model file's bytes, with the weights that lie beside an .xml."""
        weights = self.contents[_weights(model.path)] if model.path.endswith(".xml") else None
        return ModelContent(model.path, self.contents[model.path], weights)

    def measured(self, metrics: Metrics | None) -> tuple[ModelFile, ...]:
        """Return the model files with what was measured on them.

        Args:
            metrics: By format and sha256 of a model file; None where nothing was measured.

        Raises:
            EdgekitError: A file was not measured.
        """
        if metrics is None:
            return self.models
        measured: list[ModelFile] = []
        for model in self.models:
            found = metrics.get((model.format, _sha256(self.contents[model.path])))
            if found is None:
                raise EdgekitError(
                    f"the evaluation is of another file than {model.path} for {model.format}: evaluate anew"
                )
            measured.append(model.model_copy(update={"metrics": dict(found)}))
        return tuple(measured)


def read_members(parts: BundleParts, names: ModelNames) -> Members:
    """Read all files of a bundle to be.

    Raises:
        EdgekitError: One cannot be read, or the INT8 files were made from another model.
    """
    models = _model_files(parts, names)
    sources = {SELF_TEST: parts.self_test}
    for model in models:
        folder = parts.export if model.precision == "fp32" or parts.int8 is None else parts.int8
        sources[model.path] = folder / model.path
        if model.path.endswith(".xml"):
            sources[_weights(model.path)] = folder / _weights(model.path)
    contents = {path: _read(source) for path, source in sources.items()}
    quantization = read_quantization(parts.int8) if parts.int8 is not None else None
    if quantization is not None and quantization.model_sha256 != _sha256(_read(parts.export / names.exported)):
        raise EdgekitError(f"{parts.int8} was quantised from another model than {parts.export} holds: quantise anew")
    return Members(contents, models, quantization)


def _model_files(parts: BundleParts, names: ModelNames) -> tuple[ModelFile, ...]:
    models: list[ModelFile] = []
    if parts.int8 is not None:
        models.append(ModelFile(path=names.int8_openvino, format="openvino", precision="int8"))
        models.append(ModelFile(path=names.int8_onnx, format="onnx", precision="int8"))
    if parts.with_fp32 or parts.int8 is None:
        # OpenVINO reads ONNX itself, so that one file serves both engines.
        models.append(ModelFile(path=names.exported, format="openvino", precision="fp32"))
        models.append(ModelFile(path=names.exported, format="onnx", precision="fp32"))
    return tuple(model for model in models if parts.only in (None, model.format))


def _weights(path: str) -> str:
    return str(Path(path).with_suffix(".bin"))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise EdgekitError(f"cannot read {path}: {exc.strerror}") from exc

"""From an export and its INT8 files to a signed bundle, with everything that its manifest has to say."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.errors import EdgekitError
from edge.model.bundle import Bundle, build_bundle, open_bundle
from edge.model.decode import Decoder
from edge.model.detections import Detections, iou
from edge.model.detector import ENGINE_OF, Detector, load_engine
from edge.model.engine import EngineRequest, ModelContent
from edge.model.export_record import (
    EXPORTED_MODEL,
    INT8_ONNX,
    INT8_OPENVINO,
    ExportRecord,
    read_export,
    read_quantization,
)
from edge.model.manifest import Expected, FileEntry, Manifest, ModelFile, SelfTest, Thresholds
from edge.model.picture import decode_picture

SELF_TEST = "self-test.jpg"
SURE = 0.6  # what the self-test expects is what every file is sure of
ALIKE_IOU = 0.85
ALIKE_SCORE = 0.1


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """What a bundle is to be.

    Attributes:
        name: Of the model.
        version: Of the model, for people.
        release: Grows with each release.
        export: Folder that `train export` wrote.
        int8: Folder that `compress quantize` wrote, None for a bundle in float alone.
        with_fp32: Whether the float model goes in too.
        self_test: A picture on which the model is sure of something.
        thresholds: Of the decoder.
    """

    name: str
    version: str
    release: int
    export: Path
    int8: Path | None
    with_fp32: bool
    self_test: Path
    thresholds: Thresholds


def assemble(
    request: BundleRequest,
    out: Path,
    key: Ed25519PrivateKey,
    metrics: Mapping[tuple[str, str], Mapping[str, float]] | None = None,
) -> Bundle:
    """Build and sign a bundle.

    Args:
        request: What it is to be.
        out: The new folder.
        key: Signs it.
        metrics: By format and sha256 of a model file, as measured on that very file; None where nothing was measured.

    Raises:
        EdgekitError: A record or file is missing, `out` exists, or the models do not agree on the self-test picture.
    """
    record = read_export(request.export)
    quantization = read_quantization(request.int8) if request.int8 is not None else None
    contents = {path: _read(source) for path, source in _members(request, _model_files(request)).items()}
    if quantization is not None and quantization.model_sha256 != _sha256(_read(request.export / EXPORTED_MODEL)):
        raise EdgekitError(
            f"{request.int8} was quantised from another model than {request.export} holds: quantise anew"
        )
    models = tuple(_measured(model, contents, metrics) for model in _model_files(request))
    expected = _expected(request, record, models, contents)
    manifest = Manifest(
        name=request.name,
        version=request.version,
        release=request.release,
        licence=record.licence,
        classes=record.classes,
        input=record.input,
        head=record.head,
        thresholds=request.thresholds,
        models=models,
        data=record.data,
        weights=record.weights,
        recipe=record.recipe,
        calibration=quantization.calibration if quantization is not None else None,
        self_test=SelfTest(picture=SELF_TEST, expected=expected),
        files=(FileEntry(path=SELF_TEST, sha256="0" * 64, size=0),),  # filled in as the files are copied
    )
    return build_bundle(out, manifest, contents, key)


def sign(bundle: Path, key: Ed25519PrivateKey, trusted_keys: Sequence[Path], out: Path) -> Bundle:
    """Write a bundle anew under another key, after checking it under the keys that are trusted now.

    Raises:
        EdgekitError: The bundle cannot be trusted, or `out` exists.
    """
    opened = open_bundle(bundle, trusted_keys)
    return build_bundle(
        out, opened.manifest, {entry.path: opened.read(entry.path) for entry in opened.manifest.files}, key
    )


def _model_files(request: BundleRequest) -> tuple[ModelFile, ...]:
    models: list[ModelFile] = []
    if request.int8 is not None:
        models.append(ModelFile(path=INT8_OPENVINO, format="openvino", precision="int8"))
        models.append(ModelFile(path=INT8_ONNX, format="onnx", precision="int8"))
    if request.with_fp32 or request.int8 is None:
        # OpenVINO reads ONNX itself, so that one file serves both engines.
        models.append(ModelFile(path=EXPORTED_MODEL, format="openvino", precision="fp32"))
        models.append(ModelFile(path=EXPORTED_MODEL, format="onnx", precision="fp32"))
    return tuple(models)


def _members(request: BundleRequest, models: Sequence[ModelFile]) -> dict[str, Path]:
    """Return the source of every file by its path in the bundle."""
    members = {SELF_TEST: request.self_test}
    for model in models:
        folder = request.export if model.precision == "fp32" or request.int8 is None else request.int8
        members[model.path] = folder / model.path
        if model.path.endswith(".xml"):
            weights = str(Path(model.path).with_suffix(".bin"))
            members[weights] = folder / weights
    return members


def _expected(
    request: BundleRequest, record: ExportRecord, models: Sequence[ModelFile], contents: Mapping[str, bytes]
) -> tuple[Expected, ...]:
    """Return what every model file finds in the self-test picture, as the first of them says it."""
    image = decode_picture(contents[SELF_TEST], str(request.self_test))
    decoder = Decoder(record.head, len(record.classes), SURE - ALIKE_SCORE, request.thresholds.nms_iou)
    found: list[Detections] = []
    for model in models:
        engine = load_engine(
            ENGINE_OF[model.format],
            EngineRequest(
                _content(model, contents),
                model.precision,
                record.input.height,
                record.input.width,
                requests=1,
            ),
        )
        found.append(Detector(engine, decoder, record.classes, record.input.height, record.input.width).detect(image))
    first, *others = found
    agreed: list[Expected] = []
    for row in range(len(first)):
        if first.score[row] >= SURE and all(_finds(other, first, row) for other in others):
            left, top, right, bottom = (round(float(value), 1) for value in first.xyxy[row])
            label = record.classes[int(first.class_id[row])]
            score = round(float(first.score[row]), 3)
            agreed.append(Expected(label=label, score=score, xyxy=(left, top, right, bottom)))
    if not agreed:
        raise EdgekitError(
            f"the model files do not agree on anything in {request.self_test} with a score of {SURE} or more: "
            "choose a picture that shows a class plainly"
        )
    return tuple(agreed)


def _measured(
    model: ModelFile, contents: Mapping[str, bytes], metrics: Mapping[tuple[str, str], Mapping[str, float]] | None
) -> ModelFile:
    if metrics is None:
        return model
    found = metrics.get((model.format, _sha256(contents[model.path])))
    if found is None:
        raise EdgekitError(f"the evaluation is of another file than {model.path} for {model.format}: evaluate anew")
    return model.model_copy(update={"metrics": dict(found)})


def _content(model: ModelFile, contents: Mapping[str, bytes]) -> ModelContent:
    weights = contents[str(Path(model.path).with_suffix(".bin"))] if model.path.endswith(".xml") else None
    return ModelContent(model.path, contents[model.path], weights)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise EdgekitError(f"cannot read {path}: {exc.strerror}") from exc


def _finds(found: Detections, expected: Detections, row: int) -> bool:
    alike = (found.class_id == expected.class_id[row]) & (np.abs(found.score - expected.score[row]) <= ALIKE_SCORE)
    return bool((alike & (iou(found.xyxy, expected.xyxy[row]) >= ALIKE_IOU)).any())

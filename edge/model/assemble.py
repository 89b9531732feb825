"""From a detector's export and its INT8 files to a signed bundle, with everything that its manifest has to say."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.errors import EdgekitError
from edge.model.bundle import Bundle, build_bundle, open_any_bundle
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.decode import Decoder
from edge.model.detections import Detections, iou
from edge.model.detector import ENGINE_OF, Detector, load_engine
from edge.model.engine import EngineRequest
from edge.model.export_record import DETECTOR, ExportRecord, read_export
from edge.model.manifest import Expected, FileEntry, Manifest, SelfTest, Thresholds
from edge.model.model_files import SELF_TEST, BundleParts, Members, Metrics, read_members
from edge.model.picture import decode_picture

SURE = 0.6  # what the self-test expects is what every file is sure of
ALIKE_IOU = 0.85
ALIKE_SCORE = 0.1
TO_BE_FILLED = (FileEntry(path=SELF_TEST, sha256="0" * 64, size=0),)  # entries are made as the files are copied


def assemble(
    parts: BundleParts,
    thresholds: Thresholds,
    out: Path,
    key: Ed25519PrivateKey,
    metrics: Metrics | None = None,
) -> Bundle:
    """Build and sign a detector's bundle.

    Args:
        parts: What it is made of.
        thresholds: Of the decoder.
        out: The new folder.
        key: Signs it.
        metrics: By format and sha256 of a model file, as measured on that very file; None where nothing was measured.

    Raises:
        EdgekitError: A record or file is missing, `out` exists, or the models do not agree on the self-test picture.
    """
    record = read_export(parts.export)
    members = read_members(parts, DETECTOR)
    models = members.measured(metrics)
    manifest = Manifest(
        name=parts.name,
        version=parts.version,
        release=parts.release,
        licence=record.licence,
        classes=record.classes,
        input=record.input,
        head=record.head,
        thresholds=thresholds,
        models=models,
        data=record.data,
        weights=record.weights,
        recipe=record.recipe,
        calibration=members.quantization.calibration if members.quantization is not None else None,
        self_test=SelfTest(picture=SELF_TEST, expected=_expected(parts, record, thresholds, members)),
        files=TO_BE_FILLED,
    )
    return build_bundle(out, manifest, members.contents, key)


def sign(
    bundle: Path, key: Ed25519PrivateKey, trusted_keys: Sequence[Path], out: Path
) -> Bundle[Manifest | ClassifierManifest]:
    """Write a bundle anew under another key, after checking it under the keys that are trusted now.

    Raises:
        EdgekitError: The bundle cannot be trusted, or `out` exists.
    """
    opened = open_any_bundle(bundle, trusted_keys)
    return build_bundle(
        out, opened.manifest, {entry.path: opened.read(entry.path) for entry in opened.manifest.files}, key
    )


def _expected(
    parts: BundleParts, record: ExportRecord, thresholds: Thresholds, members: Members
) -> tuple[Expected, ...]:
    """Return what every model file finds in the self-test picture, as the first of them says it."""
    image = decode_picture(members.contents[SELF_TEST], str(parts.self_test))
    height, width = record.input.height, record.input.width
    decoder = Decoder(record.head, len(record.classes), SURE - ALIKE_SCORE, thresholds.nms_iou)
    found: list[Detections] = []
    for model in members.models:
        request = EngineRequest(members.content(model), model.precision, height, width, requests=1)
        engine = load_engine(ENGINE_OF[model.format], request)
        found.append(Detector(engine, decoder, record.classes, height, width).detect(image))
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
            f"the model files do not agree on anything in {parts.self_test} with a score of {SURE} or more: "
            "choose a picture that shows a class plainly"
        )
    return tuple(agreed)


def _finds(found: Detections, expected: Detections, row: int) -> bool:
    alike = (found.class_id == expected.class_id[row]) & (np.abs(found.score - expected.score[row]) <= ALIKE_SCORE)
    return bool((alike & (iou(found.xyxy, expected.xyxy[row]) >= ALIKE_IOU)).any())

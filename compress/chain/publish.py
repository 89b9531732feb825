"""Builds the signed bundle of a chain: all precisions that the target wants, measured as they lie in it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compress.chain.target import Target
from compress.scorer import NMS_IOU, detector_of
from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.report import evaluate_bundle
from edge.model.assemble import SURE, assemble
from edge.model.choice import Choice
from edge.model.export_record import DETECTOR, read_export
from edge.model.manifest import Thresholds
from edge.model.model_files import BundleParts
from edge.model.picture import read_picture

_LOOKED_AT = 40  # pictures, for one on which every file is sure of something
_MARGIN = 0.1  # of score above what the self-test asks for


@dataclass(frozen=True, slots=True)
class Publication:
    """How a bundle is called, and who signs it.

    Attributes:
        name: Of the model.
        version: Of the model, for people.
        release: Grows with each release.
        key: Signs.
        self_test: A picture that shows the classes plainly; None: one of the val parts is taken.
    """

    name: str
    version: str
    release: int
    key: Ed25519PrivateKey
    self_test: Path | None = None


def publish(
    out: Path,
    publication: Publication,
    export: Path,
    int8: Path | None,
    *,
    score: float,
    target: Target,
    sets: Sequence[DetectionSet],
) -> None:
    """Build a bundle; the folder appears whole or not at all.

    Args:
        out: The new folder.
        publication: How it is called and signed.
        export: Folder of the chosen export.
        int8: Folder of its INT8 files, None for a bundle in float alone.
        score: Detections below it are dropped.
        target: Says which precisions there have to be.
        sets: To measure the files on, and to take the self-test picture from.

    Raises:
        EdgekitError: The files do not agree on the self-test picture, or `out` exists.
    """
    parts = BundleParts(
        name=publication.name,
        version=publication.version,
        release=publication.release,
        export=export,
        int8=int8,
        with_fp32=any(precision != "int8" for precision in target.precisions),
        self_test=publication.self_test or _self_test(export, sets),
    )
    thresholds = Thresholds(score=round(score, 2), nms_iou=NMS_IOU)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        unmeasured = assemble(parts, thresholds, Path(folder) / "unmeasured", publication.key)
        report = evaluate_bundle(unmeasured, sets)
    metrics = {(model.format, model.sha256): model.metrics for model in report.models}
    assemble(parts, thresholds, out, publication.key, metrics)


def _self_test(export: Path, sets: Sequence[DetectionSet]) -> Path:
    """Return the val picture on which the float model is surest.

    Raises:
        EdgekitError: It is sure on none of those that were looked at.
    """
    pictures = [path for opened in sets for path in opened.pictures("val")[: _LOOKED_AT // len(sets)]]
    detector = detector_of(
        read_export(export), export / DETECTOR.exported, Choice("onnxruntime", "fp32"), SURE + _MARGIN
    )
    surest = {path: max(detector.detect(read_picture(path)).score, default=0.0) for path in pictures}
    best = max(surest, key=lambda path: surest[path])
    if surest[best] == 0:
        raise EdgekitError(
            "the model is sure of nothing on the val parts: name a --self-test picture that shows it plainly"
        )
    return best

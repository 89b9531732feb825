"""Refuses calibration pictures that show something else than what a model was made for.

Scales that were set by pictures of streets and cats fit no warehouse, and nothing tells of it but a model that finds
less on the box.
"""

from collections.abc import Sequence
from pathlib import Path

from compress.calibration import CalibrationSet
from compress.scorer import detector_of
from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.tagged_set import TaggedSet
from edge.model.choice import Choice
from edge.model.export_record import ClassifierExportRecord, ExportRecord
from edge.model.picture import read_picture

_LOOKED_AT = 32
_SURE = 0.25
_LEAST_SHARE = 0.2  # of the pictures of a set that the model was not trained on have to show something that it knows


def check_domain(model: Path, record: ExportRecord, sets: Sequence[DetectionSet], calibration: CalibrationSet) -> None:
    """Check that a detector was made for what calibration pictures show.

    Sets that it was trained on are of its domain. On others it has to find something on a fifth of the pictures.

    Args:
        model: The float model.
        record: Of its export.
        sets: That the pictures were drawn from.
        calibration: The pictures.

    Raises:
        EdgekitError: A set has other classes, or the model finds next to nothing on its pictures.
    """
    remedy = f"calibrate on the sets of its training: {', '.join(entry.name for entry in record.data) or 'unknown'}"
    for opened in sets:
        name, classes = opened.description.name, opened.description.classes
        if classes != record.classes:
            raise EdgekitError(f"{name} has the classes {classes}, {model} {record.classes}: {remedy}")
        if name in {entry.name for entry in record.data}:
            continue
        pictures = [path for path in calibration.pictures if path.is_relative_to(opened.folder)][:_LOOKED_AT]
        detector = detector_of(record, model, Choice("onnxruntime", "fp32"), _SURE)
        showing = sum(len(detector.detect(read_picture(path))) > 0 for path in pictures)
        if showing < _LEAST_SHARE * len(pictures):
            raise EdgekitError(
                f"the model finds something on {showing} of {len(pictures)} pictures of {name}: they do not show what "
                f"it was made for; {remedy}"
            )


def check_tags(model: Path, record: ClassifierExportRecord, sets: Sequence[TaggedSet]) -> None:
    """Check that a classifier was made for the tags of calibration pictures.

    Raises:
        EdgekitError: A set has other attributes or values.
    """
    for opened in sets:
        if opened.description.taxonomy != record.taxonomy:
            raise EdgekitError(
                f"{opened.description.name} has other tags than {model} tells: calibrate on the set of its training"
            )

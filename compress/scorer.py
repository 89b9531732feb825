"""Runs exported files that are in no bundle yet over sets of pictures, through the runtime's own code."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.evaluate.dataset import DetectionSet
from edge.evaluate.measure import LEAST_SCORE, SetResult, check_fit, run_over
from edge.model.choice import Choice
from edge.model.classifier import Classifier, TagDecoder
from edge.model.decode import Decoder
from edge.model.detector import Detector, load_engine
from edge.model.engine import Engine, EngineRequest, ModelContent, Placement
from edge.model.export_record import ClassifierExportRecord, ExportRecord

NMS_IOU = 0.6
_REQUESTS = 2  # one computes while the other's picture is read


@dataclass(frozen=True, slots=True)
class Scorer:
    """What is the same for all files of one model.

    Attributes:
        record: Of the model's export.
        sets: To score on.
        split: Of the sets.
    """

    record: ExportRecord
    sets: tuple[DetectionSet, ...]
    split: str = "val"

    @classmethod
    def of(cls, record: ExportRecord, sets: Sequence[DetectionSet]) -> "Scorer":
        """Return a scorer on the val parts of sets.

        Raises:
            EdgekitError: A set has other classes than the model, or no pictures to score on.
        """
        check_fit(record.classes, sets, "val")
        return cls(record, tuple(sets))

    def results(self, file: Path, way: Choice) -> tuple[SetResult, ...]:
        """Return what a file finds on the sets, run in a way.

        Raises:
            EdgekitError: The file cannot be loaded or is not of the record's head, or a picture cannot be read.
        """
        return run_over(detector_of(self.record, file, way, LEAST_SCORE), self.sets, self.split)


def detector_of(record: ExportRecord, file: Path, way: Choice, score: float) -> Detector:
    """Return a detector of an exported file that is in no bundle yet.

    Args:
        record: Of its export.
        file: The model file; an OpenVINO model's weights lie beside it.
        way: How to run it.
        score: Detections below it are not told.

    Raises:
        EdgekitError: The file cannot be loaded, or its output is not of the record's head.
    """
    decoder = Decoder(record.head, len(record.classes), score, NMS_IOU)
    return Detector(engine_of(record, file, way), decoder, record.classes, record.input.height, record.input.width)


def classifier_of(record: ClassifierExportRecord, file: Path, way: Choice) -> Classifier:
    """Return a classifier of an exported file that is in no bundle yet.

    Raises:
        EdgekitError: The file cannot be loaded, or its output is not of the record's columns.
    """
    decoder = TagDecoder(record.taxonomy, record.thresholds, record.embedding, record.heads)
    return Classifier(engine_of(record, file, way), decoder, record.input.height, record.input.width)


def engine_of(record: ExportRecord | ClassifierExportRecord, file: Path, way: Choice) -> Engine:
    """Return an engine that runs an exported file in a way.

    Raises:
        EdgekitError: The file cannot be loaded.
    """
    placement = Placement(hint=way.hint)
    request = EngineRequest(
        ModelContent.read(file), way.precision, record.input.height, record.input.width, _REQUESTS, placement
    )
    return load_engine(way.backend, request)

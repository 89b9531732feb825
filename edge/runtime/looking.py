"""All that looks at crops in threads of its own: a box's classifier, and its reader of printed fields."""

from collections.abc import Callable
from dataclasses import dataclass

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.mqtt.messages import LookCounts
from edge.runtime.classifier_in_use import ClassifierInUse
from edge.runtime.classifying import load_classifying
from edge.runtime.look_stage import Listener, LookStage
from edge.tags.crops import AnyCrop, ClassifierUse, Crop, FieldCrop, Look
from edge.tags.events import Tag, TagSource
from edge.tags.field_reader import FieldReader
from edge.tags.field_votes import LEAD, OcrUse
from edge.tags.fields import FIELDS
from edge.tags.verdict import VoteSettings

_READ_NICENESS = 5  # reading a field takes as long as several frames' inference, whose events have deadlines


@dataclass(frozen=True, slots=True)
class Looking:
    """The stages of a box, and how cameras' tags halves use them; None of what the configuration does not ask for."""

    models: ClassifierInUse | None
    ocr: OcrUse | None
    classify: LookStage[Crop] | None
    read: LookStage[FieldCrop] | None

    @property
    def classifier(self) -> ClassifierUse | None:
        """How the classifier is used."""
        return self.models.use if self.models is not None else None

    @property
    def classifier_digest(self) -> str | None:
        """Of the classifier in use, None where there is none."""
        return self.models.current.digest if self.models is not None else None

    @property
    def counts(self) -> dict[str, LookCounts]:
        """How often each stage has looked and failed."""
        return {stage.name: LookCounts(looks=stage.looks, failed=stage.failed) for stage in self._stages}

    @property
    def alarms(self) -> tuple[str, ...]:
        """What fails at present, for a person."""
        failing = [stage for stage in self._stages if stage.fails]
        alarms = tuple(f"{stage.name} fails on crops, {stage.failed} so far: see the log" for stage in failing)
        aside = self.models.current.gallery.set_aside if self.models is not None else None
        if aside is None:
            return alarms
        return (*alarms, f"what was taught here could not be used and is kept as {aside}: teach it anew")

    @property
    def _stages(self) -> tuple[LookStage[Crop] | LookStage[FieldCrop], ...]:
        return tuple(stage for stage in (self.classify, self.read) if stage is not None)

    @property
    def idle(self) -> bool:
        """Whether there is nothing that looks."""
        return not self._stages

    def start(self, listener: Listener) -> None:
        """Begin to look."""
        for stage in self._stages:
            stage.start(listener)

    def stop(self, timeout_s: float) -> None:
        """Finish what is at hand."""
        for stage in self._stages:
            stage.stop(timeout_s)

    def ask(self, crop: AnyCrop, answer: Callable[[Look], None]) -> None:
        """Have a crop looked at by the stage that it is for."""
        match crop:
            case Crop() if self.classify is not None:
                self.classify.ask(crop, answer)
            case FieldCrop() if self.read is not None:
                self.read.ask(crop, answer)
            case _:
                raise RuntimeError("a crop was to be looked at by what this box has not")


def load_looking(config: BoxConfig, detector_classes: tuple[str, ...]) -> Looking:
    """Load what a box looks at crops with.

    Raises:
        EdgekitError: The classifier's bundle cannot be trusted or used, the extra for OCR is missing, or the detector
            does not know the classes that are to be looked at.
    """
    classifying = load_classifying(config, detector_classes)
    models = None
    if classifying is not None and config.classifier is not None:
        models = ClassifierInUse(classifying, config.classifier.path)
    check_fields(config, detector_classes)
    reader = FieldReader() if config.ocr is not None else None
    use = OcrUse(VoteSettings(config.ocr.agreeing_looks, config.ocr.most_looks, LEAD)) if config.ocr else None
    return Looking(
        models=models,
        ocr=use,
        classify=LookStage("classifier", models.current.classifier.info.requests, models.see) if models else None,
        read=LookStage("ocr", 1, lambda crop: _read(reader, crop), _READ_NICENESS) if reader is not None else None,
    )


def check_fields(config: BoxConfig, detector_classes: tuple[str, ...]) -> None:
    """Check that a detector finds printed fields, where they are to be read.

    Raises:
        EdgekitError: It does not.
    """
    if config.ocr is not None and not set(FIELDS) & set(detector_classes):
        raise EdgekitError(
            f"[ocr] has nothing to read: the detector finds none of {', '.join(FIELDS)}; its classes are "
            f"{', '.join(detector_classes)}"
        )


def _read(reader: FieldReader, crop: FieldCrop) -> Look:
    read = reader.read(crop.image, crop.field, crop.xyxy)
    return crop.seen((Tag(read.field, read.value, read.score, TagSource.OCR),) if read is not None else ())

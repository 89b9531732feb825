"""What is asked and heard of one thing in a picture: a classifier's looks at it, readings of its printed fields."""

from collections.abc import Sequence

from edge.tags.crops import ClassifierUse, Crop, FieldCrop, Look, crop_of
from edge.tags.events import Tag, Xyxy
from edge.tags.field_votes import FieldVotes, OcrUse
from edge.tags.reading import Label
from edge.tags.verdict import Verdict
from edge.video.frame import Frame


class Inquiry:
    """The looks at one parcel, at one place of a shelf, or at what is before a camera when a trigger comes.

    Args:
        zone: Name of the shelf zone, None for all else.
        number: What answers are known by.
        classifier: How it is classified, None where it is not.
        ocr: How what is printed on it is read, None where it is not.
    """

    def __init__(self, zone: str | None, number: int, classifier: ClassifierUse | None, ocr: OcrUse | None) -> None:
        self._zone = zone
        self._number = number
        self._classifier = classifier
        self._verdict: Verdict | None = None
        self._asked = False
        self._fields = FieldVotes(ocr) if ocr is not None else None
        self._labels: Sequence[Label] = ()

    def meet(self, class_name: str | None, labels: Sequence[Label]) -> None:
        """Take what the detector found in a frame.

        Args:
            class_name: What it takes the thing for, None where it found print alone.
            labels: The field regions on it.
        """
        if self._verdict is None and self._classifier is not None and class_name is not None:
            self._verdict = self._classifier.verdict_of(class_name)
        if self._fields is not None:
            self._fields.meet(labels)
            self._labels = labels

    @property
    def idle(self) -> bool:
        """Whether there is nothing to ask about it, as far as was seen."""
        return self._verdict is None and (self._fields is None or self._fields.empty)

    @property
    def settled(self) -> bool:
        """Whether another look would change nothing, or enough were made."""
        classified = self._verdict is None or self._verdict.settled
        return classified and (self._fields is None or self._fields.settled)

    def crop(self, frame: Frame, box: Xyxy) -> Crop | None:
        """Return the crop that the classifier should look at; one look is asked for at a time."""
        if self._verdict is None or self._verdict.settled or self._asked:
            return None
        crop = crop_of(frame, box, zone=self._zone, number=self._number)
        self._asked = crop is not None
        return crop

    def field_crop(self, frame: Frame) -> FieldCrop | None:
        """Return the field in the newest frame that should be read."""
        if self._fields is None:
            return None
        return self._fields.crop(frame, self._labels, zone=self._zone, number=self._number)

    def hear(self, look: Look) -> None:
        """Take what was seen."""
        if look.field is None:
            self._asked = False
            if self._verdict is not None:
                self._verdict.hear(look.said, look.margin)
        elif self._fields is not None:
            self._fields.hear(look)

    def value(self, attribute: str) -> str | None:
        """Return the value of an attribute that a classifier tells, None as long as it is not sure."""
        return self._verdict.value(attribute) if self._verdict is not None else None

    @property
    def margin(self) -> float | None:
        """Mean margin of a classifier's looks, None where there were none."""
        return self._verdict.margin if self._verdict is not None else None

    @property
    def tags(self) -> tuple[Tag, ...]:
        """All that is sure."""
        classified = self._verdict.tags if self._verdict is not None else ()
        return classified + (self._fields.tags if self._fields is not None else ())

"""What readings of one thing's printed fields come to: told where pictures agree on it, absent everywhere else."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.tags.crops import FieldCrop, Look, cut_off, field_crop_of
from edge.tags.events import Tag, Xyxy
from edge.tags.reading import Label
from edge.tags.verdict import Attributes, Verdict, VoteSettings
from edge.video.frame import Frame

LEAD = 4  # times as many pictures as read anything else there: a wrong price is worse than none


@dataclass(frozen=True, slots=True)
class OcrUse:
    """How a camera's tags half has printed fields read.

    Attributes:
        settings: How readings become tags.
    """

    settings: VoteSettings


class FieldVotes:
    """The readings of the fields on one thing; one is asked for at a time.

    Args:
        use: How they become tags.
    """

    def __init__(self, use: OcrUse) -> None:
        self._use = use
        self._verdicts: dict[str, Verdict] = {}
        self._asked = False

    def meet(self, labels: Sequence[Label]) -> None:
        """Take which fields were found on it in a frame: events wait for these until their deadline."""
        for label in labels:
            if label.kind not in self._verdicts:
                self._verdicts[label.kind] = Verdict(Attributes((label.kind,)), self._use.settings)

    @property
    def empty(self) -> bool:
        """Whether no field was found on it."""
        return not self._verdicts

    @property
    def settled(self) -> bool:
        """Whether no field that was found on it needs another look."""
        return all(verdict.settled for verdict in self._verdicts.values())

    def crop(self, frame: Frame, labels: Sequence[Label], *, zone: str | None, number: int) -> FieldCrop | None:
        """Return the field to read next in a frame: of those that are not sure the one that was looked at least.

        A field that stands there twice is not read: nobody can say which of the two counts. Neither is one that the
        picture's edge may cut off.

        Args:
            frame: The newest.
            labels: The field regions on the thing in it.
            zone: Name of the shelf zone, None for a parcel or a trigger.
            number: What the answer is to be known by.
        """
        if self._asked:
            return None
        open_fields = [name for name, verdict in self._verdicts.items() if not verdict.settled]
        for name in sorted(open_fields, key=lambda name: self._verdicts[name].looks):
            regions = [label for label in labels if label.kind == name]
            if (
                regions
                and not cut_off(frame, _corners(regions[0]))
                and all(_same(regions[0], other) for other in regions[1:])
            ):
                crop = field_crop_of(frame, name, regions[0].xyxy, zone=zone, number=number)
                self._asked = crop is not None
                if crop is not None:
                    return crop
        return None

    def hear(self, look: Look) -> None:
        """Take what was read of a field, which may be nothing."""
        self._asked = False
        verdict = self._verdicts.get(look.field or "")
        if verdict is not None:
            verdict.hear(look.said)

    @property
    def tags(self) -> tuple[Tag, ...]:
        """All fields that are sure, each with the mean score of the readings that said it."""
        return tuple(tag for verdict in self._verdicts.values() for tag in verdict.tags)


def _corners(label: Label) -> Xyxy:
    left, top, right, bottom = (float(edge) for edge in label.xyxy)
    return left, top, right, bottom


def _same(one: Label, other: Label) -> bool:
    """Whether two regions are one that was found twice: the middle of the second lies in the first."""
    x, y = (other.xyxy[:2] + other.xyxy[2:]) / 2
    left, top, right, bottom = one.xyxy
    return bool(left <= x <= right and top <= y <= bottom)

"""What the frames together say about one parcel's texts: one wrong frame must never become a wrong event."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from edge.tags.codes import CodeRead
from edge.tags.events import NoReadReason, Tag, TagSource
from edge.tags.gs1 import elements_of

SAME_PLACE = 0.2  # of the parcel's box: reads nearer than that are of the same label
LEAD = 2  # times as many votes as the next text of the same label


@dataclass(slots=True)
class _Candidate:
    text: str
    symbology: str
    x: float
    y: float
    gs1: bool = False
    votes: int = 1
    doubted: bool = False  # read when the parcel's box was another one, and not since

    def near(self, x: float, y: float) -> bool:
        return abs(self.x - x) < SAME_PLACE and abs(self.y - y) < SAME_PLACE


@dataclass(frozen=True, slots=True)
class Text:
    """A text that the frames agree on.

    Attributes:
        text: What the code says.
        symbology: As zxing-cpp names it.
        share: Of the votes of its label.
        x: Where the label is on the parcel, 0 at the left of its box, 1 at the right.
        y: 0 at the top, 1 at the bottom.
        gs1: Whether it is GS1's.
    """

    text: str
    symbology: str
    share: float
    x: float
    y: float
    gs1: bool = False

    def near(self, x: float, y: float) -> bool:
        """Whether a point of the parcel's box belongs to its label."""
        return abs(self.x - x) < SAME_PLACE and abs(self.y - y) < SAME_PLACE

    def tags(self, today: date) -> list[Tag]:
        """Return the code as a tag, and of a GS1 element string each of its elements.

        Args:
            today: Decides the century of its dates.
        """
        elements = (elements_of(self.text, today) or ()) if self.gs1 else ()
        said = [("code", self.text), *((element.key, element.value) for element in elements)]
        return [Tag(key, value, self.share, TagSource.BARCODE, self.symbology) for key, value in said]


class Ballot:
    """The votes about one parcel.

    Args:
        agreeing_reads: Frames that must give the same text.
    """

    def __init__(self, agreeing_reads: int) -> None:
        self._agreeing_reads = agreeing_reads
        self._candidates: list[_Candidate] = []

    def vote(self, read: CodeRead, box: tuple[float, float, float, float]) -> None:
        """Count what one frame read on a parcel with this box (left, top, right, bottom), pixels of the frame."""
        left, top, right, bottom = box
        x, y = (read.x - left) / max(right - left, 1.0), (read.y - top) / max(bottom - top, 1.0)
        for candidate in self._candidates:
            same = (candidate.text, candidate.symbology) == (read.text, read.symbology)
            if same and (candidate.doubted or candidate.near(x, y)):
                candidate.votes += 1
                candidate.x, candidate.y, candidate.doubted = x, y, False
                return
        self._candidates.append(_Candidate(read.text, read.symbology, x, y, read.gs1))

    def doubt(self) -> None:
        """Let each text count only once it is read again: the parcel's box is around something else than it was."""
        for candidate in self._candidates:
            candidate.doubted = True

    @property
    def texts(self) -> tuple[Text, ...]:
        """The texts that are sure, in the order of their first read; each text once."""
        sure: dict[str, Text] = {}
        heard = [candidate for candidate in self._candidates if not candidate.doubted]
        for candidate in heard:
            rivals = [
                other.votes for other in heard if other.text != candidate.text and other.near(candidate.x, candidate.y)
            ]
            enough = candidate.votes >= self._agreeing_reads
            if enough and candidate.votes >= LEAD * max(rivals, default=0):
                share = candidate.votes / (candidate.votes + sum(rivals))
                text = Text(
                    candidate.text, candidate.symbology, round(share, 3), candidate.x, candidate.y, candidate.gs1
                )
                sure.setdefault(candidate.text, text)
        return tuple(sure.values())

    @property
    def any_votes(self) -> bool:
        """Whether any frame read anything."""
        return bool(self._candidates)


@dataclass(slots=True)
class LabelEvidence:
    """What was seen of a parcel's labels, for the reason of a no-read; the best look counts."""

    regions: int = 0
    module_px: float = 0.0
    sharpness: float = 0.0
    glare_share: float = 1.0
    unsound: Counter[str] = field(default_factory=Counter[str])

    def add(self, module_px: float, sharpness: float, glare_share: float) -> None:
        """Count one look at a label region.

        Args:
            module_px: Estimated pixels a module.
            sharpness: Variance of the Laplacian over the region's contrast.
            glare_share: Share of saturated pixels.
        """
        self.regions += 1
        self.module_px = max(self.module_px, module_px)
        self.sharpness = max(self.sharpness, sharpness)
        self.glare_share = min(self.glare_share, glare_share)

    def add_unsound(self, text: str) -> None:
        """Count one read of a text whose checksum does not hold."""
        self.unsound[text] += 1

    def reason(self, *, any_votes: bool) -> NoReadReason:
        """Return why there is no text."""
        # A blurred code gives another text each time; one that is printed wrong gives the same.
        wrong_checksum = max(self.unsound.values(), default=0) >= SAME_UNSOUND
        causes = (
            (any_votes, NoReadReason.UNSURE),
            (wrong_checksum, NoReadReason.CHECKSUM_WRONG),
            (self.regions == 0, NoReadReason.NO_LABEL),
            (self.module_px < LEAST_MODULE_PX, NoReadReason.TOO_SMALL),
            (self.glare_share > MOST_GLARE, NoReadReason.GLARE),
            (self.sharpness < LEAST_SHARPNESS, NoReadReason.BLURRED),
        )
        return next((reason for holds, reason in causes if holds), NoReadReason.DAMAGED)


SAME_UNSOUND = 2
LEAST_MODULE_PX = 1.5
MOST_GLARE = 0.25
LEAST_SHARPNESS = 0.15

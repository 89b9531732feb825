"""Says whom each part of a divided box continues: a parcel is told once, whatever boxes it was found in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.tags.divided import Seam
from edge.tags.events import Xyxy
from edge.tags.joint import seam_between
from edge.tags.parcel import Parcel

_PARTLY = 0.25  # of a lost parcel's box that lies in the one that swallowed it, at least


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a box around two parcels parts, and whom each part continues, None where nobody that is known."""

    seam: Seam
    before: tuple[Parcel | None, Parcel | None]


def parting_of(joint: Parcel, lost: Sequence[Parcel]) -> Parting | None:
    """Return how the box around two parcels parts, each of which bears one text; None where it stays whole.

    A box that was told stays whole unless it was told for one of the two: that one had been found alone before.

    Args:
        joint: The parcel that may be two.
        lost: Parcels that no track follows any more; the box may have swallowed one of them.
    """
    texts = joint.labels.ballot.texts
    seam = seam_between(texts, joint.box)
    if seam is None or joint.waiting:
        return None
    first, second = (frozenset(text.text for text in texts if seam.side(text.x, text.y) == side) for side in (0, 1))
    told = (bool(first & joint.told), bool(second & joint.told))
    if joint.decided and told not in ((True, False), (False, True)):
        return None
    return Parting(seam, (_before(joint, lost, first, told=told[0]), _before(joint, lost, second, told=told[1])))


def _before(joint: Parcel, lost: Iterable[Parcel], own: frozenset[str], *, told: bool) -> Parcel | None:
    """Return whom the part with these texts continues: who was told with them, a lost parcel, or the box itself.

    The text alone says nothing, since the parcel behind may bear the same: the lost one was last seen in the box.
    """
    if told:
        return joint
    alike = [parcel for parcel in lost if own & _texts(parcel) and _partly_in(parcel.box, joint.box)]
    return max(alike, key=lambda parcel: parcel.seen_s, default=None if joint.decided else joint)


def _texts(parcel: Parcel) -> frozenset[str]:
    return frozenset(text.text for text in parcel.labels.ballot.texts)


def _partly_in(part: Xyxy, whole: Xyxy) -> bool:
    """Whether a good part of a box lies in another one; the belt has moved since it was seen."""
    width = min(part[2], whole[2]) - max(part[0], whole[0])
    height = min(part[3], whole[3]) - max(part[1], whole[1])
    return max(width, 0.0) * max(height, 0.0) > _PARTLY * (part[2] - part[0]) * (part[3] - part[1])

"""Which parcels in a frame are looked at first: looks have a bounded cost, and lines have deadlines."""

from collections.abc import Sequence

from edge.tags.line import LineZone
from edge.tags.parcel import Parcel
from edge.tags.reading import ParcelLabels

_LATE_LOOK_EVERY = 4  # frames, between two looks at parcels that were told unread

Rows = list[tuple[int, ParcelLabels]]  # of the parcels in a frame


def urgency(parcel: Parcel, zones: Sequence[LineZone]) -> float:
    """Return what sorts parcels: those that wait for their event first, then by distance from a line."""
    if parcel.waiting:
        return -1.0
    x, y = (parcel.box[0] + parcel.box[2]) / 2, (parcel.box[1] + parcel.box[3]) / 2
    return min((abs(zone.distance_px(x, y)) for zone in zones), default=0.0)


def told(parcel: Parcel, zones: Sequence[LineZone]) -> bool:
    """Whether all events of a parcel are out; without a line it has none, and is read once."""
    return len(parcel.decided) >= max(1, len(zones))


def to_read(parcels: Sequence[Parcel], zones: Sequence[LineZone], frame_index: int) -> Rows:
    """Return the parcels whose labels are to be read in a frame: those that still need a text, most urgent first.

    Where none does, now and then those that were told without one: what is read then is only counted.
    """
    unread = [(row, parcel) for row, parcel in enumerate(parcels) if not parcel.labels.ballot.texts]
    needy = [entry for entry in unread if not told(entry[1], zones)]
    if not needy and frame_index % _LATE_LOOK_EVERY == 0:
        return [(row, parcel.labels) for row, parcel in unread]
    needy.sort(key=lambda entry: urgency(entry[1], zones))
    return [(row, parcel.labels) for row, parcel in needy]

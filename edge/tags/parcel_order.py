"""Which parcels in a frame are looked at first: looks have a bounded cost, and lines have deadlines."""

from collections.abc import Mapping, Sequence

from edge.tags.line import LineZone
from edge.tags.parcel import Parcel
from edge.tags.reading import Label, ParcelLabels, open_labels
from edge.zones import Line

_LATE_LOOK_EVERY = 4  # frames, between two looks at parcels that were told unread

Rows = list[tuple[int, ParcelLabels]]  # of the parcels in a frame


def urgency(parcel: Parcel, zones: Sequence[LineZone]) -> float:
    """Return what sorts parcels: those that wait for their event first, then by distance from a line."""
    if parcel.waiting:
        return -1.0
    x, y = (parcel.box[0] + parcel.box[2]) / 2, (parcel.box[1] + parcel.box[3]) / 2
    return min((abs(zone.distance_px(x, y)) for zone in zones), default=0.0)


def told(parcel: Parcel, zones: Sequence[LineZone | Line]) -> bool:
    """Whether all events of a parcel are out; without a line it has none, and is read once."""
    return len(parcel.decided) >= max(1, len(zones))


def to_read(
    parcels: Sequence[Parcel], labels: Mapping[int, Sequence[Label]], zones: Sequence[LineZone], frame_index: int
) -> Rows:
    """Return the parcels whose labels are to be read in a frame, most urgent first: those that still need a text.

    Behind them come those that have one and a label that bears another, perhaps, also the next parcel's in their box.
    Where no parcel needs a text, now and then those that were told without one are read: that is only counted.

    Args:
        parcels: Of the frame.
        labels: Label regions by row of `parcels`.
        zones: The camera's lines.
        frame_index: Of the frame.
    """
    unread = [(row, parcel) for row, parcel in enumerate(parcels) if not parcel.labels.ballot.texts]
    needy = [entry for entry in unread if not told(entry[1], zones)]
    if not needy and frame_index % _LATE_LOOK_EVERY == 0 and unread:
        return [(row, parcel.labels) for row, parcel in unread]
    read = [
        (row, parcel)
        for row, parcel in enumerate(parcels)
        if parcel.labels.ballot.texts
        and (parcel.swallows or not told(parcel, zones))
        and open_labels(labels.get(row, ()), parcel.box, parcel.labels.ballot)
    ]
    needy.sort(key=lambda entry: urgency(entry[1], zones))
    read.sort(key=lambda entry: urgency(entry[1], zones))
    return [(row, parcel.labels) for row, parcel in needy + read]

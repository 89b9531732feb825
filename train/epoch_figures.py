"""What an epoch of any training came to, as plots and TensorBoard take it: figures in groups, each by its name."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpochFigures:
    """The figures of one epoch.

    Attributes:
        epoch: Counted from 1.
        groups: Figures by name, by the name of what they have in common, e.g. `{"loss": {"box": 1.2, "class": 0.4}}`.
            A group is one plot of a report and one section of TensorBoard, each name a line in it; a name that an
            epoch lacks is a gap in its line.
    """

    epoch: int
    groups: Mapping[str, Mapping[str, float]]

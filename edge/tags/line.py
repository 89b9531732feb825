"""A line across the picture, and the one moment at which a parcel has crossed it."""

import math
from dataclasses import dataclass
from enum import Enum

from edge.zones import Line


class Side(Enum):
    """Where a point lies, looking from the line's start to its end."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class LineZone:
    """A configured line in the pixels of one camera's frames.

    Attributes:
        line: From the configuration.
        width: Pixels of the frame.
        height: Pixels of the frame.
    """

    line: Line
    width: int
    height: int

    def distance_px(self, x: float, y: float) -> float:
        """Return the distance of a point from the line in pixels, positive on its right side."""
        (x0, y0), (x1, y1) = self._ends()
        return ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / math.hypot(x1 - x0, y1 - y0)

    def abreast(self, x: float, y: float) -> bool:
        """Whether a point lies beside the line, not before its start or past its end."""
        (x0, y0), (x1, y1) = self._ends()
        along = (x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)
        return 0 <= along <= (x1 - x0) ** 2 + (y1 - y0) ** 2

    def side(self, x: float, y: float) -> Side | None:
        """Return the side on which a point surely lies; None within the hysteresis on either side of the line."""
        distance = self.distance_px(x, y)
        if abs(distance) < self.line.hysteresis * self.width:
            return None
        return Side.RIGHT if distance > 0 else Side.LEFT

    def _ends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        (x0, y0), (x1, y1) = self.line.start, self.line.end
        return (x0 * self.width, y0 * self.height), (x1 * self.width, y1 * self.height)


class Crossing:
    """Watches one parcel at one line: it crosses once, however often it rolls back and comes again.

    A parcel that first appears beyond the line has not crossed it. Its centre is the middle of its box, so a line
    should lie where boxes are whole, not at the picture's edge.
    """

    def __init__(self) -> None:
        self._side: Side | None = None

    def step(self, zone: LineZone, x: float, y: float) -> str | None:
        """Return the name of the direction at the moment of crossing, None at every other moment.

        Args:
            zone: The line.
            x: Of the parcel's centre, pixels.
            y: Of the parcel's centre, pixels.
        """
        side = zone.side(x, y)
        if side is None or side is self._side:
            return None
        before, self._side = self._side, side
        if before is None or not zone.abreast(x, y):
            return None
        direction = f"{before.value}_to_{side.value}"
        return direction if zone.line.direction in ("both", direction) else None

"""What every part of box.toml is made of: sections without room for unknown keys, names, and places on a picture."""

from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="1 to 64 letters, digits, - or _, since it is part of a topic"),
]
Credential = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Point = tuple[Share, Share]


def _without_crossing(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """Refuse a polygon whose sides cross: what lies in both its halves would be neither in nor out.

    Raises:
        ValueError: It is one.
    """
    points = np.array(corners, np.float64)
    x, y = points.T
    along_x, along_y = (np.roll(points, -1, axis=0) - points).T
    # (N, N): on which side of each polygon's side each corner lies; 0 on it, as exactly as its own ends do.
    turns = along_x[:, None] * (y - y[:, None]) - along_y[:, None] * (x - x[:, None])
    parts = turns * np.roll(turns, -1, axis=1) < 0  # which side has the ends of which on its two sides
    if (parts & parts.T).any():
        raise ValueError("two sides of the polygon cross: move a corner, or draw two polygons")
    return corners


Polygon = Annotated[
    tuple[Point, ...],
    Field(
        min_length=3,
        max_length=256,
        description="a polygon whose sides do not cross; x and y as shares of the picture's width and height",
    ),
    AfterValidator(_without_crossing),
]


class Section(BaseModel):
    """A part of box.toml: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

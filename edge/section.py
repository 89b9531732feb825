"""What every part of box.toml is made of: sections without room for unknown keys, names, and places on a picture."""

from typing import Annotated

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
    sides = list(zip(corners, (*corners[1:], corners[0]), strict=True))
    for index, side in enumerate(sides):
        for other in sides[index + 2 :]:
            if _cross(side, other):
                raise ValueError("two sides of the polygon cross: move a corner, or draw two polygons")
    return corners


def _cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether two sides cross, not only touch."""
    return _turn(*one, other[0]) * _turn(*one, other[1]) < 0 and _turn(*other, one[0]) * _turn(*other, one[1]) < 0


def _turn(start: Point, end: Point, point: Point) -> float:
    """Return on which side of a line a point lies: positive, negative, or 0 on it."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


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

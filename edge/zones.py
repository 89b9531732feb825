"""What is drawn on a camera's picture in box.toml: lines that parcels cross, shelves on which products stand."""

from typing import Literal

from pydantic import Field, model_validator

from edge.section import Name, Point, Polygon, Section, Share

_LEAST_AREA = 1e-6  # of the picture: what is less is a line, whatever rounding makes of it


class Line(Section):
    """A line across the belt. A parcel is decided when the centre of its box has crossed it."""

    name: Name
    start: Point = Field(description="x and y as shares of the picture's width and height")
    end: Point
    direction: Literal["both", "left_to_right", "right_to_left"] = Field(
        default="both", description="which side change counts, seen when looking from start to end"
    )
    hysteresis: float = Field(
        default=0.02, ge=0, lt=0.5, description="distance past the line that makes a crossing, share of the width"
    )
    deadline_ms: int = Field(
        default=100, ge=0, le=600_000, description="how long after the crossing a missing text is waited for"
    )

    @model_validator(mode="after")
    def _has_length(self) -> "Line":
        if self.start == self.end:
            raise ValueError("start and end are the same point; a line needs two")
        return self


class Shelf(Section):
    """A part of a shelf: the products whose box has its middle in it are counted, and changes are told.

    `expected` names the classes, or values of `count_by`, that belong here; `min` and `max` hold for each of them.
    """

    name: Name
    rectangle: tuple[Share, Share, Share, Share] | None = Field(
        default=None, description="left, top, right, bottom as shares of the picture's width and height"
    )
    polygon: Polygon | None = None
    tags: tuple[str, ...] = Field(
        default=(),
        description="classes of the model that count here; none: all but barcode, qr and occluders",
    )
    count_by: str | None = Field(
        default=None, description="attribute of the classifier, e.g. product, to count by; none: the model's class"
    )
    expected: tuple[str, ...] = Field(
        default=(), description="classes, or values of count_by, that belong here; another one is misplaced"
    )
    least: int = Field(
        default=1, ge=0, le=1_000_000, alias="min", description="fewer of an expected class are low_stock"
    )
    most: int | None = Field(
        default=None, ge=1, le=1_000_000, alias="max", description="more of an expected class are overstock"
    )
    debounce_s: float = Field(
        default=2.0, ge=0, le=600, description="how long a product must stand, or its place be seen empty, to be told"
    )
    put_back_s: float = Field(
        default=30.0, ge=0, le=86_400, description="a product that is back within so long was put_back, not removed"
    )
    occluders: tuple[str, ...] | None = Field(
        default=None, description="classes that hide what is behind them; person and hand, where the model has them"
    )

    @property
    def corners(self) -> tuple[Point, ...]:
        """The zone as a polygon."""
        if self.rectangle is None:
            return self.polygon or ()
        left, top, right, bottom = self.rectangle
        return ((left, top), (right, top), (right, bottom), (left, bottom))

    @model_validator(mode="after")
    def _has_one_area(self) -> "Shelf":
        if (self.rectangle is None) == (self.polygon is None):
            raise ValueError("a shelf needs either a rectangle or a polygon")
        if self.rectangle is not None and (
            self.rectangle[0] >= self.rectangle[2] or self.rectangle[1] >= self.rectangle[3]
        ):
            raise ValueError("rectangle is left, top, right, bottom: left less than right, top less than bottom")
        if _area(self.corners) < _LEAST_AREA:
            raise ValueError("the corners of polygon lie on one line")
        return self

    @model_validator(mode="after")
    def _classes_agree(self) -> "Shelf":
        by_class = self.count_by is None
        uncounted = sorted(set(self.expected) - set(self.tags)) if self.tags and by_class else []
        if uncounted:
            raise ValueError(f"{', '.join(uncounted)} stands in expected and not in tags: it would never be counted")
        hiding = sorted({*self.tags, *(self.expected if by_class else ())} & set(self.occluders or ()))
        if hiding:
            raise ValueError(f"{', '.join(hiding)} cannot both count and hide what counts: take it out of occluders")
        if not self.expected and {"least", "most"} & self.model_fields_set:
            raise ValueError("min and max hold for expected classes: name them in expected")
        if self.most is not None and self.most < self.least:
            raise ValueError(f"max {self.most} is less than min {self.least}")
        return self


def _area(corners: tuple[Point, ...]) -> float:
    """Return twice the area of a polygon, square shares, by the shoelace formula."""
    following = (*corners[1:], corners[0])
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(corners, following, strict=True)))

"""What every part of box.toml is made of: sections without room for unknown keys, names, and places on a picture."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="1 to 64 letters, digits, - or _, since it is part of a topic"),
]
Credential = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Point = tuple[Share, Share]
Polygon = Annotated[
    tuple[Point, ...], Field(min_length=3, description="a polygon; x and y as shares of the picture's width and height")
]


class Section(BaseModel):
    """A part of box.toml: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

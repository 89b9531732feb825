"""What is told of shelves over the wire: in each event of a shelf, and retained for whoever comes later."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from edge.mqtt.wire import UtcTime, WireModel
from edge.tags.shelf_state import TagCount

SHELF = "edgekit.shelf/1"


class WireStock(WireModel):
    """What an event of a shelf says about one class of product."""

    tag: str = Field(description="the class of the product, as the model names it")
    count: NonNegativeInt = Field(description="how many of it stand in the zone now")
    before: NonNegativeInt | None = Field(description="count only: how many did before; null where nothing was known")
    since: UtcTime = Field(
        description="removed: when it was last seen to stand; appeared, put_back, misplaced: when it was first seen at "
        "rest; else since when the count is what it is. Sure it was at captured_at"
    )
    away_s: NonNegativeFloat | None = Field(description="put_back only: for how long it was away")
    limit: NonNegativeInt | None = Field(
        description="low_stock, out_of_stock and overstock only: the bound that was passed"
    )


class WireCount(WireModel):
    """How many products of a class stand in a zone."""

    tag: str
    count: NonNegativeInt
    since: UtcTime = Field(description="since when it has been so many, as far as anybody saw")


class ShelfMessage(WireModel):
    """What stands in a shelf zone, as its camera last saw it. Void without an online status of the same run.

    The camera's status says whether it sees anything now.
    """

    schema_id: Literal["edgekit.shelf/1"] = Field(
        default=SHELF, validation_alias="schema", serialization_alias="schema"
    )
    site: str
    box: str
    camera: str
    zone: str
    run_id: str
    counts: tuple[WireCount, ...] = Field(description="of each class that stands there or is expected")
    captured_at: UtcTime = Field(description="of the picture that made it so")
    comparing: bool = Field(
        description="the camera was away, and its first pictures are still being compared with this"
    )


def wire_counts(counts: Iterable[TagCount]) -> tuple[WireCount, ...]:
    """Return counts in their form on the wire."""
    return tuple(WireCount(tag=known.tag, count=known.count, since=known.since) for known in counts)

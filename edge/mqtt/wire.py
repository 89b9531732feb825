"""What every message on the wire is made of, and the JSON Schema that says so."""

from datetime import datetime, timezone
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

_UTC_MS = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


def format_utc(time: datetime) -> str:
    """Return a time as ISO 8601 in UTC with milliseconds and Z; such texts sort as their times do.

    Raises:
        ValueError: The time does not say which zone it is in.
    """
    return _as_utc(time).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _as_utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("a time must say its zone")
    return time.astimezone(timezone.utc)


UtcTime = Annotated[
    datetime,
    AfterValidator(_as_utc),
    PlainSerializer(format_utc, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _UTC_MS}),
]
MOST_SEQ = 2**53 - 1  # the largest number that every reader of JSON keeps exactly (RFC 8259, section 6)
Seq = Annotated[int, Field(ge=1, le=MOST_SEQ)]
Upto = Annotated[int, Field(ge=0, le=MOST_SEQ)]  # a seq, or 0 before the first
Score = Annotated[float, Field(ge=0.0, le=1.0)]
Xyxy = Annotated[tuple[float, float, float, float], Field(description="left, top, right, bottom")]


class WireModel(BaseModel):
    """A part of a message: frozen, without room for unknown keys, without NaN, which JSON does not have."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        allow_inf_nan=False,
        cache_strings="keys",  # codes and times never come again: 16,384 of them would be kept for nothing
        json_schema_serialization_defaults_required=True,  # what has a default here still stands in every message
    )

    def to_json(self) -> str:
        """Return the JSON text that goes over the wire."""
        return self.model_dump_json(by_alias=True)


def json_schema(model: type[WireModel], *, as_read: bool = False) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a message; its `$id` is a URN made of the schema id.

    Args:
        model: The message.
        as_read: What the box takes, where a key that has a default may be left out; else what it writes, with all keys.
    """
    name, version = str(model.model_fields["schema_id"].default).split("/")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{name.replace('.', ':')}:{version}",
        **model.model_json_schema(mode="validation" if as_read else "serialization"),
    }

"""Events once more for a PLC: flat, every key in every message, plain types, and never longer than a fixed buffer."""

import json
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from edge.mqtt.messages import EventMessage
from edge.mqtt.wire import Seq, WireModel
from edge.tags.events import EventKind, NoReadReason

PLC = "edgekit.plc/1"

MOST_BYTES = 1024
"""No message on this topic is longer."""

_MOST_CODE_BYTES = 128
_MOST_TEXT_BYTES = 64

Text = Annotated[str, Field(max_length=_MOST_TEXT_BYTES)]


class PlcMessage(WireModel):
    """An event without nesting and without null: what does not apply is an empty text or 0. At most 1024 bytes.

    Site, box and camera stand in the topic. A text longer than its bound stands empty, and `too_long` says so: half a
    code is a wrong code.
    """

    schema_id: Literal["edgekit.plc/1"] = Field(default=PLC, validation_alias="schema", serialization_alias="schema")
    epoch: Text = Field(description="of the box's outbox; another one: counting begins anew")
    seq: Seq = Field(description="acknowledge it as a plain, unretained integer once nothing before it is missing")
    oldest: Seq = Field(description="what is below and did not come will not come: lost, or before your time")
    kind: EventKind
    reason: NoReadReason | Literal[""] = Field(description="of no_read")
    code: str = Field(max_length=_MOST_CODE_BYTES, description="of several the surest; at most 128 bytes")
    codes: NonNegativeInt = Field(description="how many different ones were read")
    product: Text = Field(description="at most 64 bytes")
    route: Text = Field(description="the lane it belongs on; at most 64 bytes")
    zone: Text
    direction: Text
    trigger_id: Text = Field(description="at most 64 bytes")
    track: NonNegativeInt = Field(description="of the parcel, from 1 in each run")
    tag: Text = Field(description="of a shelf's kinds: which product; at most 64 bytes")
    count: NonNegativeInt = Field(description="of a shelf's kinds: how many of it stand there")
    too_long: bool = Field(description="a text was longer than its bound; the event on `events` has it")
    late: bool
    replayed: bool
    captured_ms: NonNegativeInt = Field(description="milliseconds since 1970, UTC, by the clock that the event names")
    age_ms: int = Field(ge=-1, description="from the frame's arrival to this sending; -1 where an earlier run took it")


def plc_message(event: EventMessage, oldest: int) -> PlcMessage:
    """Return an event in its flat form.

    Args:
        event: As it is sent.
        oldest: The smallest seq of its camera that the box still holds, or one more than its last.
    """
    codes = sorted((tag for tag in event.tags if tag.key == "code"), key=lambda tag: -tag.score)
    bounded = {
        "code": (codes[0].value if codes else None, _MOST_CODE_BYTES),
        "product": (event.product, _MOST_TEXT_BYTES),
        "route": (event.route, _MOST_TEXT_BYTES),
        "zone": (event.zone, _MOST_TEXT_BYTES),
        "direction": (event.direction, _MOST_TEXT_BYTES),
        "trigger_id": (event.trigger_id, _MOST_TEXT_BYTES),
        "tag": (event.stock.tag if event.stock else None, _MOST_TEXT_BYTES),
    }
    fitting = {name: _fitting(text or "", most) for name, (text, most) in bounded.items()}
    texts = {name: text or "" for name, text in fitting.items()}
    total_ms = event.latency_ms.total
    return PlcMessage(
        code=texts["code"],
        product=texts["product"],
        route=texts["route"],
        zone=texts["zone"],
        direction=texts["direction"],
        trigger_id=texts["trigger_id"],
        tag=texts["tag"],
        epoch=event.epoch,
        seq=event.seq,
        oldest=oldest,
        kind=event.kind,
        reason=event.reason or "",
        codes=len({tag.value for tag in codes}),
        track=event.track or 0,
        count=event.stock.count if event.stock else 0,
        too_long=None in fitting.values(),
        late=event.late,
        replayed=event.replayed,
        captured_ms=max(0, round(event.captured_at.time.timestamp() * 1000)),
        age_ms=-1 if total_ms is None else round(total_ms),
    )


def _fitting(text: str, most_bytes: int) -> str | None:
    """Return a text whose bytes in the message, escapes included, are within their bound; None for a longer one."""
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    return text if len(written.encode(errors="surrogatepass")) <= most_bytes else None

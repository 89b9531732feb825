"""The audit's routes: what waits, its picture, and the answer of whoever is logged in."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from devices.errors import EdgekitError
from devices.validation import explain
from edge.audit.desk import AuditCase, AuditDesk, OtherAnswerError, UnknownCaseError
from edge.audit.figures import Share
from edge.audit.tally import Verdict
from edge.mqtt.wire import UtcTime, WireModel
from edge.web.exchange import Request, Response

_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class PageShare(WireModel):
    """A share with its 95 % interval."""

    right: int
    of: int
    value: float
    low: float
    high: float


class PageAuditCase(WireModel):
    """What waits for an answer."""

    id: str
    camera: str
    zone: str | None
    kind: str
    reason: str | None
    captured_at: UtcTime
    tags: tuple[tuple[str, str, str], ...] = Field(description="key, value, source")
    product: str | None


class PageAudit(WireModel):
    """All that waits, and what the answers came to by camera."""

    waiting: tuple[PageAuditCase, ...]
    precision: Mapping[str, PageShare | None]
    read_accuracy: Mapping[str, PageShare | None]


class AuditAnswer(BaseModel):
    """What a person says of a case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Verdict
    correct: dict[_Text, _Text] = Field(default_factory=dict[str, str], max_length=16)


class PageReceipt(WireModel):
    """That an answer was counted, now or before."""

    repeated: bool


def answer_audit(desk: AuditDesk | None, method: str, parts: tuple[str, ...], request: Request) -> Response:
    """Return the answer to a request below /api/audit."""
    if desk is None:
        return Response.error(404, "there is no [audit] in box.toml")
    match (method, *parts):
        case ("GET",):
            return Response.of(_page(desk))
        case ("GET", number, "picture"):
            jpeg = desk.picture(number)
            return Response(200, jpeg, "image/jpeg") if jpeg is not None else Response.error(404, "it waits no more")
        case ("POST", number):
            return _take(desk, number, request)
        case _:
            return Response.error(404, "there is nothing here")


def _take(desk: AuditDesk, number: str, request: Request) -> Response:
    try:
        said = AuditAnswer.model_validate_json(request.body)
        return Response.of(PageReceipt(repeated=desk.answer(number, said.verdict, said.correct)))
    except ValidationError as exc:
        return Response.error(400, explain(exc, AuditAnswer))
    except UnknownCaseError as exc:
        return Response.error(404, str(exc))
    except OtherAnswerError as exc:
        return Response.error(409, str(exc))
    except EdgekitError as exc:
        return Response.error(503, str(exc))


def _page(desk: AuditDesk) -> PageAudit:
    counts = desk.counts
    return PageAudit(
        waiting=tuple(map(_case, desk.waiting)),
        precision={camera: _share(one.precision) for camera, one in counts.items()},
        read_accuracy={camera: _share(one.read_accuracy) for camera, one in counts.items()},
    )


def _case(case: AuditCase) -> PageAuditCase:
    event = case.event
    return PageAuditCase(
        id=case.id,
        camera=event.camera,
        zone=event.zone,
        kind=event.kind.value,
        reason=event.reason.value if event.reason is not None else None,
        captured_at=event.captured_at,
        tags=tuple((tag.key, tag.value, tag.source.value) for tag in event.tags),
        product=event.product,
    )


def _share(share: Share | None) -> PageShare | None:
    if share is None:
        return None
    return PageShare(right=share.right, of=share.of, value=share.value, low=share.low, high=share.high)

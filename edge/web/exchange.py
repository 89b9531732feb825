"""A request and its answer, as the page's routes see them: no sockets, so that routes are tested by calling them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What a browser asks for.

    Attributes:
        method: `GET`, `POST` or `PUT`.
        path: Without the query.
        query: First value of each of its parameters.
        headers: By lower-case name.
        body: As it came.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer.

    Attributes:
        status: HTTP status.
        body: Its bytes.
        content_type: What they are.
        headers: Beside those that every answer has.
    """

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, message: BaseModel, status: int = 200) -> "Response":
        """Return a message as JSON."""
        return cls(status, message.model_dump_json(by_alias=True).encode(), JSON)

    @classmethod
    def error(cls, status: int, text: str) -> "Response":
        """Return what went wrong, as JSON."""
        return cls.of(Fault(error=text), status)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer without an end: pieces as they come, until the browser leaves or `pieces` ends.

    Attributes:
        pieces: To send; an empty one sends nothing and lets the server look whether it has to stop.
        content_type: What they are.
    """

    pieces: Iterator[bytes]
    content_type: str


class Fault(BaseModel):
    """What went wrong, for people."""

    error: str

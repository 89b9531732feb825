"""JSON from strangers, read into a model that names only what is needed of it."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from devices.errors import EdgekitError

Parsed = TypeVar("Parsed", bound=BaseModel)


class Foreign(BaseModel):
    """What another tool has written: keys that are not named are its own affair."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def read_foreign(path: Path, kind: Any, what: str) -> Any:
    """Return the content of a JSON file in the form of a type that pydantic knows.

    Raises:
        EdgekitError: It cannot be read, or is not in this form; one line that names the first fault.
    """
    try:
        return TypeAdapter[Any](kind).validate_json(path.read_bytes())
    except OSError as exc:
        raise EdgekitError(f"{path} cannot be read: {exc.strerror}") from exc
    except ValidationError as exc:
        raise EdgekitError(f"{path} is no {what}: {_first(exc)}") from exc


def read_row(row: Any, kind: type[Parsed], where: str) -> Parsed:
    """Return a part of a JSON file in the form of a model.

    Raises:
        EdgekitError: It is not; one line that names the first fault.
    """
    try:
        return kind.model_validate(row)
    except ValidationError as exc:
        raise EdgekitError(f"{where}: {_first(exc)}") from exc


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg']}" if place else fault["msg"]

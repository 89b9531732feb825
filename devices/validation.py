"""Validation errors rewritten for the person who has to mend the file: which key, what stood there, what is allowed."""

import sys
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from devices.errors import EdgekitError
from devices.redaction import redact

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Model = TypeVar("Model", bound=BaseModel)

LONGEST_VALUE = 60
_WHOLE = "the file"  # where a fault is of no key, but of how several go together


def checked(model: type[Model], /, **values: Any) -> Model:
    """Return a model made from the options of a command.

    Raises:
        EdgekitError: A value is not allowed; one line that names it.
    """
    try:
        return model(**values)
    except ValidationError as exc:
        raise EdgekitError(explain(exc, model).removeprefix(f"{_WHOLE}: ")) from exc  # options are no file


def read_json(path: Path, model: type[Model], what: str, remedy: str) -> Model:
    """Return a model read from a JSON file.

    Args:
        path: The file.
        model: Its form.
        what: What it should be, for messages: `training run`.
        remedy: What to do where it is none.

    Raises:
        EdgekitError: The file cannot be read, or is not in its form; one line.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise EdgekitError(f"{path} cannot be read as the record of a {what} ({exc.strerror}): {remedy}") from exc
    except ValidationError as exc:
        raise EdgekitError(f"{path} is no record of a {what} ({explain(exc, model)}): {remedy}") from exc


def parse_toml(content: bytes, path: Path, model: type[Model]) -> Model:
    """Return a model made from the content of a TOML file.

    Args:
        content: Of the file.
        path: Where it came from, for messages.
        model: Its form.

    Raises:
        EdgekitError: It is no TOML, or a key or value in it is not allowed; one line that names it.
    """
    try:
        values = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise EdgekitError(f"{path} is not valid TOML: {exc}") from exc
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        raise EdgekitError(f"{path}: {explain(exc, model)}") from exc


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Return all faults of a validation as one line.

    Args:
        error: What pydantic found.
        model: The model that was validated, asked for the keys that it allows.

    Returns:
        Faults joined by "; ", each naming its key as a person would write it (`camera[0].source.path`).
    """
    faults = error.errors()
    # An item that fails makes its list look too short as well; only the item's own fault helps.
    deeper = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    return "; ".join(_explain_one(fault, model) for fault in faults if fault["loc"] not in deeper or not fault["loc"])


def _explain_one(fault: ErrorDetails, model: type[BaseModel]) -> str:
    owners = _models_along(fault["loc"], model)
    where = _spell(fault["loc"], owners)
    match fault["type"]:
        case "extra_forbidden":
            return f"unknown key {where}; allowed here: {', '.join(_keys(owners[-1]))}"
        case "missing":
            return f"{where} is missing"
        case "value_error":
            return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
        case "string_pattern_mismatch":
            allowed = _description(fault["loc"], owners[-1]) or f"must match {fault.get('ctx', {}).get('pattern')}"
            return f"{where}: {allowed} (got {_shortened(fault['input'])})"
        case _:
            return f"{where}: {fault['msg']} (got {_shortened(fault['input'])})"


def _shortened(value: Any) -> str:
    text = redact(repr(value))
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"


def _description(location: tuple[int | str, ...], owner: type[BaseModel]) -> str | None:
    field = next((f for name, f in owner.model_fields.items() if location[-1] == (f.alias or name)), None)
    return field.description if field else None


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _spell(location: tuple[int | str, ...], owners: list[type[BaseModel]]) -> str:
    """Spell a location without the tags that pydantic puts in for members of a union."""
    tags = {_tag(owner) for owner in owners} - {None}
    spelled = ""
    for index, part in enumerate(location):
        if isinstance(part, int):
            spelled += f"[{part}]"
        elif part in tags and 0 < index < len(location) - 1:
            continue
        else:
            spelled += f".{part}" if spelled else part
    return spelled or _WHOLE


def _tag(model: type[BaseModel]) -> str | None:
    """Return the literal by which a member of a discriminated union is told, if it has one."""
    kind = model.model_fields.get("kind")
    if kind is not None and get_origin(kind.annotation) is Literal:
        return str(get_args(kind.annotation)[0])
    return None


def _models_along(location: tuple[int | str, ...], model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the models that lie on the way to a location, outermost first."""
    found = [model]
    for part in location:
        current = found[-1]
        if isinstance(part, int):
            continue
        field = next((f for name, f in current.model_fields.items() if part == (f.alias or name)), None)
        if field is None:
            continue
        members = _models_in(field.annotation)
        if len(members) == 1:
            found.append(members[0])
        elif members:
            position = location.index(part)
            tag = location[position + 1] if position + 1 < len(location) else None
            found.extend(member for member in members if _tag(member) == tag)
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return every model that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (tuple, list, dict, Union, UnionType, Annotated):
        return [model for part in get_args(annotation) for model in _models_in(part)]
    return []

"""Reference pages in Markdown, made of the JSON Schema of the models that check what is read and written.

What stands in a page is what the code allows, to the last key; a page that is older than the code fails a test.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
}
Schema = Mapping[str, Any]


def tables(schema: Schema, *, level: int, told: set[str], with_defaults: bool) -> str:
    """Return a table of a schema's own keys, then one of each part that it is made of and was not told before.

    Args:
        schema: A JSON Schema of an object, with `$defs`.
        level: Of the headings of parts.
        told: Names of parts that stand on the page already; those that come are added.
        with_defaults: Whether a column tells defaults; a message has none, since all keys are always there.
    """
    parts: dict[str, Schema] = schema.get("$defs", {})
    blocks = [_table(schema, with_defaults=with_defaults)]
    waiting = list(_refs(schema.get("properties", {})))
    while waiting:
        name = waiting.pop(0)
        part = parts[name]
        if name in told:
            continue
        told.add(name)
        heading = f"{'#' * level} {name}"
        if "enum" in part:
            blocks.append(f"{heading}\n\n{_said(part)}\n\nOne of {_choices(part['enum'])}.")
            continue
        blocks.append(f"{heading}\n\n{_said(part)}\n\n{_table(part, with_defaults=with_defaults)}")
        waiting += _refs(part.get("properties", {}))
    return "\n\n".join(blocks)


def _table(schema: Schema, *, with_defaults: bool) -> str:
    head = ("key", "type", "default", "meaning") if with_defaults else ("key", "type", "meaning")
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    required = set(schema.get("required", ()))
    for key, field in schema.get("properties", {}).items():
        cells = [f"`{key}`", _type(field)]
        if with_defaults:
            cells.append("**required**" if key in required else _default(field))
        meaning = "; ".join(text for text in (field.get("description", ""), _bounds(field)) if text)
        lines.append(
            "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in (*cells, meaning)) + " |"
        )
    return "\n".join(lines)


def _said(part: Schema) -> str:
    return str(part.get("description", "")).strip()


def _type(field: Schema) -> str:
    """Return a field's type; a part links to its own heading, whose anchor GitHub makes of its name."""
    match field:
        case {"$ref": str(reference)}:
            name = reference.rsplit("/", 1)[-1]
            told = f"[{name}](#{name.lower()})"
        case {"const": value}:
            told = f"`{_value(value)}`"
        case {"enum": values}:
            told = _choices(values)
        case {"anyOf": several} | {"oneOf": several}:
            told = " or ".join(dict.fromkeys(_type(one) for one in several))
        case {"type": "array"}:
            told = _array(field)
        case {"type": "object", "additionalProperties": Mapping() as values}:
            told = f"table of {_type(values)}"
        case {"type": "object"}:
            told = "table"
        case {"type": "string", "format": kind} | {"type": kind}:
            told = str(kind)
        case _:
            told = "any"
    return told


def _array(field: Schema) -> str:
    if "prefixItems" in field:
        kinds = [_type(one) for one in field["prefixItems"]]
        alike = len(set(kinds)) == 1
        return f"{len(kinds)} times {kinds[0]}" if alike else f"[{', '.join(kinds)}]"
    return f"list of {_type(field['items'])}" if "items" in field else "list"


def _default(field: Schema) -> str:
    match field.get("default"):
        case None:
            return "-"
        case dict():
            return "as below"
        case value:
            return f"`{_value(value)}`"


def _value(value: Any) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else str(value)
        if isinstance(value, int | float)
        else _text(value)
    )


def _text(value: Any) -> str:
    return "[" + ", ".join(_value(one) for one in value) + "]" if isinstance(value, list) else f'"{value}"'


def _choices(values: list[Any]) -> str:
    return ", ".join(f"`{_value(value)}`" for value in values)


def _bounds(field: Schema) -> str:
    found = [text.format(field[key]) for key, text in _BOUNDS.items() if key in field]
    for one in field.get("anyOf", ()):
        found += [text.format(one[key]) for key, text in _BOUNDS.items() if key in one]
    return ", ".join(found)


def _refs(value: Any) -> Iterator[str]:
    """Yield the names of parts that a schema refers to, in order."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "$ref":
                yield str(inner).rsplit("/", 1)[-1]
            elif key != "discriminator":
                yield from _refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _refs(inner)

"""The options of commands that train, made of a training's settings, so that each stands in one place."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Annotated, Any, get_args

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edge.command_options import option, put_options

REPEATED = {"teachers": "teacher"}  # a setting of several values: its option is given once for each


def with_setting_options(
    command: Callable[..., None], settings: type[BaseModel], *, left_out: Collection[str] = ()
) -> None:
    """Put an option for each setting in the place of a command's `**chosen`, where typer looks for them.

    Args:
        command: Takes what was chosen as `**chosen`; the help has a panel for each group of settings.
        settings: Their groups are other settings as fields, or as bases, each named by its docstring.
        left_out: Settings that the command tells in its own way.
    """
    put_options(command, [_option(*each) for each in _fields(settings, panel=None) if each[0] not in left_out])


def given(context: typer.Context, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the settings that stand on the command line."""
    return {name: value for name, value in chosen.items() if _is_given(context, name)}


def grouped(settings: type[BaseModel], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was chosen as its settings hold it: fields of a group together; None is what nobody gave."""
    values: dict[str, Any] = {}
    for name, field in settings.model_fields.items():
        group = _group(field)
        if group is not None:
            values[name] = grouped(group, chosen)
        elif chosen.get(name) is not None:
            values[name] = chosen[name]
    return values


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _fields(settings: type[BaseModel], *, panel: str | None) -> Iterator[tuple[str, FieldInfo, str | None]]:
    """Yield name, field and panel of the help of each setting, those of groups in their place."""
    for name, field in settings.model_fields.items():
        group = _group(field)
        if group is not None:
            yield from _fields(group, panel=_title(group))
            continue
        owner = next(each for each in settings.__mro__ if name in inspect.get_annotations(each))
        yield name, field, panel if owner is settings else _title(owner)


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _title(settings: type) -> str:
    return inspect.cleandoc(settings.__doc__ or settings.__name__).splitlines()[0].removesuffix(".")


def _option(name: str, field: FieldInfo, panel: str | None) -> inspect.Parameter:
    told = (field.description or name).removesuffix(".")
    help_text = f"{told[0].upper()}{told[1:]}."
    if name in REPEATED:
        shown = typer.Option(f"--{REPEATED[name]}", help=help_text, rich_help_panel=panel)
        return option(name, Annotated[list[get_args(field.annotation)[0]] | None, shown], None)
    shown = typer.Option(help=help_text, rich_help_panel=panel)
    default = inspect.Parameter.empty if field.is_required() else field.default
    return option(name, Annotated[field.annotation, shown], default)

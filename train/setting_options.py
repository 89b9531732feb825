"""The options of commands that train a detector, made of its settings, so that each stands in one place."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from edge.command_options import option, put_options
from train.settings import BalanceSettings, OptimiserSettings, PictureSettings, TrainSettings


def with_setting_options(command: Callable[..., None]) -> None:
    """Put an option for each setting in the place of a command's `**chosen`, where typer looks for them."""
    put_options(command, _options())


def given(context: typer.Context, chosen: dict[str, Any]) -> dict[str, Any]:
    """Return those of the settings that stand on the command line."""
    return {name: value for name, value in chosen.items() if _is_given(context, name)}


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _options() -> list[inspect.Parameter]:
    panels = {
        name: title
        for group, title in (
            (OptimiserSettings, "How the weights move"),
            (PictureSettings, "How pictures are varied"),
            (BalanceSettings, "How rare classes are helped"),
        )
        for name in group.model_fields
    }
    found: list[inspect.Parameter] = []
    for name, field in TrainSettings.model_fields.items():
        if name == "masked":  # told by --naive
            continue
        told = field.description or name
        shown = typer.Option(help=f"{told[0].upper()}{told[1:]}.", rich_help_panel=panels.get(name))
        default = inspect.Parameter.empty if field.is_required() else field.default
        found.append(option(name, Annotated[field.annotation, shown], default))
    return found

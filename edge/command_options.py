"""Options of a command that are made of a record's fields, so that each is named, typed and told in one place."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any


def put_options(command: Callable[..., None], options: Iterable[inspect.Parameter]) -> None:
    """Put options in the place of a command's `**chosen`, where typer looks for them."""
    signature = inspect.signature(command)
    named = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    seam: Any = command
    seam.__signature__ = signature.replace(parameters=[*named, *options])


def option(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    """Return an option of a command; without a default it has to be given.

    Args:
        name: Of the argument that the command gets.
        annotation: Its type, with what typer is to know of it.
        default: What it is where nobody says.
    """
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

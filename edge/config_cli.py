"""Check a box.toml before a box runs it."""

import json
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from devices.errors import EdgekitError
from edge.config import BoxConfig, load_config
from edge.tags.routing import Routing

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def check(
    config: Annotated[Path, typer.Argument(help="The box.toml to check.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole configuration, defaults included.")] = False,
) -> None:
    """Say whether a configuration is whole and allowed, and the catalogue and routes that it names.

    Example: edgekit config check box.toml
    """
    checked = load_config(config)
    Routing(checked.routing.catalogue, checked.routing.routes)
    if as_json:
        print(checked.model_dump_json(indent=2, by_alias=True))
        return
    cameras = ", ".join(f"{camera.name} ({camera.source.kind})" for camera in checked.cameras)
    print(f"{config} is valid: box {checked.box.site}/{checked.box.name}, cameras {cameras}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of box.toml: every key, its type, default and meaning.

    Example: edgekit config schema
    """
    print(json.dumps(BoxConfig.model_json_schema(by_alias=True), indent=2))


@app.command()
def reference() -> None:
    """Print docs/configuration.md: every key of box.toml with its type, default and meaning.

    Example: edgekit config reference > docs/configuration.md
    """
    from edge.config_reference import markdown  # noqa: PLC0415 - only this command needs it

    print(markdown(), end="")


@app.command()
def token(
    file: Annotated[Path, typer.Argument(help="The file to write; its owner alone may read it.")],
) -> None:
    """Make a token for the box's page, for token_file in [web].

    Example: edgekit config token /etc/edgekit/web-token
    """
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:  # noqa: PTH123 - by descriptor
            opened.write(secrets.token_urlsafe(32) + "\n")
    except OSError as exc:
        raise EdgekitError(f"cannot write the token {file}: {exc.strerror}") from exc
    print(f"{file}: name it as token_file in [web], and type what is in it into the page")

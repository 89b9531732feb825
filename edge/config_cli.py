"""Check a box.toml before a box runs it."""

import json
from pathlib import Path
from typing import Annotated

import typer

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

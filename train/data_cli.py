"""Get, render and describe the pictures that a detector learns from."""

import os
from pathlib import Path
from typing import Annotated

import typer

from devices.errors import EdgekitError
from train.sets import KNOWN, get_known
from train.synth.cli import app as synth

app = typer.Typer(no_args_is_help=True, help=__doc__)
app.add_typer(synth, name="synth")


@app.command()
def get(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(KNOWN)}.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    origin: Annotated[
        Path | None, typer.Option("--from", help="Folder that holds the set's folder; $EDGEKIT_DATA if not given.")
    ] = None,
) -> None:
    """Copy a public set into the kit's form, with its licence, source and digest.

    Example: edgekit data get warehouse-boxes sets/warehouse --from downloads
    """
    if origin is None and "EDGEKIT_DATA" not in os.environ:
        raise EdgekitError("where is the data? name its folder with --from, or set EDGEKIT_DATA")
    opened = get_known(name, origin or Path(os.environ["EDGEKIT_DATA"]), out)
    print(f"{out}: {opened.description.pictures} pictures, {opened.description.licence}, {opened.description.digest}")

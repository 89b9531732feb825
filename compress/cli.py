"""Make a trained model small: fewer channels, INT8 for both engines of a box."""

import typer

from compress.prune_cli import prune
from compress.quantize_cli import quantize

app = typer.Typer(no_args_is_help=True, help=__doc__)
app.command()(prune)
app.command()(quantize)

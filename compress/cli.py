"""Make a trained model small: fewer channels, a teacher, INT8 for both engines of a box, or all in turn."""

import typer

from compress.auto_cli import auto
from compress.distil_cli import distil
from compress.prune_cli import prune
from compress.quantize_cli import quantize

app = typer.Typer(no_args_is_help=True, help=__doc__)
app.command()(prune)
app.command()(distil)
app.command()(quantize)
app.command()(auto)

"""The bar that a training shows while it runs."""

import contextlib
import sys
from collections.abc import Callable, Generator

import typer


@contextlib.contextmanager
def training_bar() -> Generator[Callable[[int, int], None]]:
    """Yield what moves a bar on stderr, given steps done and steps in all; nothing is shown where it is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    with typer.progressbar(length=1, label="training", file=sys.stderr) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield advance

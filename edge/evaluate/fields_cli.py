"""Measure how surely printed names, brands, prices, batches and dates are read by OCR."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def fields() -> None:
    """Measure how surely printed names, brands, prices, batches and dates are read by OCR."""


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="A set of `edgekit data synth shelves`.")],
    *,
    split: Annotated[str, typer.Option(help="Which part of it.")] = "val",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Read each field region of a rendered set, and hold it against the text that was printed.

    Texts that could mean two things (05/11/2026) have to be absent: told, they count as wrong.

    Example: edgekit fields score sets/shelves
    """
    from edge.evaluate.field_texts import score_fields  # noqa: PLC0415 - help must not wait for OCR

    scores = score_fields(folder, split)
    if as_json:
        print(json.dumps([asdict(one) for one in scores]))
        return
    print(f"{'field':8} {'regions':>8} {'unclear':>8} {'exact':>8} {'wrong':>8} {'absent':>8} {'ms':>8}")
    for one in scores:
        absent = one.regions - one.exact - one.wrong
        print(f"{one.field:8} {one.regions:8} {one.unclear:8} {one.exact:8} {one.wrong:8} {absent:8} {one.ms:8.1f}")

"""The command that brings pictures of others into the kit's form; registered with the others in `train/data_cli.py`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from devices.errors import EdgekitError

_PAIR = 2


def import_set(
    form: Annotated[
        Literal["folders", "csv"],
        typer.Argument(help="folders: named after what they hold. csv: a table of pictures and tags."),
    ],
    source: Annotated[Path, typer.Argument(help="The folder, or the table.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    name: Annotated[str, typer.Option(help="Of the set.")],
    licence: Annotated[str, typer.Option(help="Of the pictures: an SPDX expression, or `unstated`.")] = "unstated",
    made_by: Annotated[str, typer.Option(help="Where the pictures come from.")] = "own pictures",
    implied: Annotated[
        list[str] | None, typer.Option(help="ATTRIBUTE:SOURCE, csv only: a column that follows from another one.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be read.")] = False,
) -> None:
    """Import tagged pictures: PRODUCT/picture or CATEGORY/PRODUCT/picture, or a table with a column for each attribute.

    Example: edgekit data import csv shop/tags.csv sets/shop --name shop --implied category:product
    """
    from train.import_tagged import Origin, import_folders, import_table  # noqa: PLC0415 - help must not wait for OpenCV

    origin = Origin(name, licence, made_by)
    if form == "folders":
        if implied:
            raise EdgekitError("folders say themselves what follows from what: --implied is for tables")
        imported, skipped = import_folders(source, out, origin, skip_bad=skip_bad)
    else:
        imported, skipped = import_table(source, out, origin, implied=_pairs(implied or []), skip_bad=skip_bad)
    for fault in skipped:
        print(f"left out: {fault}")
    counts = ", ".join(f"{part} {len(imported.part(part))}" for part in ("train", "val", "test"))
    tags = ", ".join(f"{one.name} ({len(one.values)})" for one in imported.description.taxonomy.attributes)
    print(f"{out}: {imported.description.pictures} pictures ({counts}), tags {tags}")


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        pair = text.split(":")
        if len(pair) != _PAIR or not all(pair):
            raise EdgekitError(f"--implied {text} is not ATTRIBUTE:SOURCE, such as category:product")
        pairs[pair[0]] = pair[1]
    return pairs

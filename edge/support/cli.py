"""Pack what whoever helps needs to know of a box into one archive, without its secrets."""

from pathlib import Path
from typing import Annotated

import typer


def support_bundle(
    out: Annotated[Path, typer.Argument(help="The .tar.gz to write.")],
    *,
    config: Annotated[Path, typer.Option(help="The box.toml.")],
    log: Annotated[Path | None, typer.Option(help="A file with the box's log; its last 2000 lines go in.")] = None,
) -> None:
    """Write versions, configuration, manifest, outbox counts, system facts and log lines, secrets taken out.

    Of a box that runs, its retained statuses and metrics go in too.

    Example: edgekit support-bundle support.tar.gz --config box.toml
    """
    # The bundle's reader takes a moment to load, which `--help` need not wait for.
    from edge.support.archive import gather, write_archive  # noqa: PLC0415

    members = gather(config, log)
    write_archive(out, members)
    print(f"{out}: {', '.join(members)}")

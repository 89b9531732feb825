"""Remove what a box has left behind and nobody needs any more."""

from pathlib import Path
from typing import Annotated

import typer


def housekeeping(*, config: Annotated[Path, typer.Option(help="The box.toml.")]) -> None:
    """Remove old files of a box: outboxes set aside, older audit logs, the box.toml before, what was half written.

    Each stays long enough for somebody to want it: 30 days, 400, 90, one. A timer runs this each day.

    Example: edgekit housekeeping --config /etc/edgekit/box.toml
    """
    from edge.config import load_config  # noqa: PLC0415 - help must not wait for pydantic
    from edge.deploy.housekeeping import tidy  # noqa: PLC0415

    removed = tidy(load_config(config), config)
    for path in removed:
        print(f"removed {path}")
    print(f"{len(removed)} files removed")

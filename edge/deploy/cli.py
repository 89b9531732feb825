"""List a box's releases, go back to the one before, and count their starts."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)

Store = Annotated[Path, typer.Option(help="The folder of the releases.")]
SOFTWARE = Path("/opt/edgekit")


@app.command("list")
def list_releases(
    *,
    store: Store = SOFTWARE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the ledger as JSON.")] = False,
) -> None:
    """List the releases: in use, returned to when that one is bad, waiting for a trial, or bad with the reason.

    Example: edgekit release list
    """
    from edge.deploy.store import ReleaseStore  # noqa: PLC0415 - help must not wait for pydantic

    ledger = ReleaseStore(store).read()
    if as_json:
        print(ledger.model_dump_json(indent=1, by_alias=True))
        return
    for release in ledger.releases:
        role = {ledger.current: "in use", ledger.previous: "returned to"}.get(release.id, "")
        told = f"{release.id:30} counter {release.counter:<6} {release.state.value:8} {role:12}"
        print(f"{told} {release.reason or ''}".rstrip())
    if not ledger.releases:
        print(f"no release below {store}")


@app.command()
def rollback(
    *,
    store: Store = SOFTWARE,
    reason: Annotated[str, typer.Option(help="Why; kept with the release that is left.")] = "an operator asked for it",
) -> None:
    """Return to the good release before the one in use; restart the service afterwards.

    Example: edgekit release rollback --reason "no events since the update"
    """
    from edge.deploy.store import ReleaseStore  # noqa: PLC0415 - help must not wait for pydantic

    print(f"in use now: {ReleaseStore(store).roll_back(reason).current}")


@app.command()
def start(*, store: Store = SOFTWARE) -> None:
    """Set right what a crash left, and count a start: the service's unit calls this before each start.

    A release on trial that starts too often without being found good is left for the one before it.

    Example: edgekit release start
    """
    from edge.deploy.store import ReleaseStore  # noqa: PLC0415 - help must not wait for pydantic

    print(f"in use: {ReleaseStore(store).start().current or 'no release'}")

"""A box's releases: list, try, judge and prove them, go back to the one before."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)

Store = Annotated[Path, typer.Option(help="The folder of the releases.")]
Config = Annotated[Path, typer.Option(help="The box.toml.")]
Signs = Annotated[Path, typer.Option(help="The file in which the running box tells its vital signs.")]
SOFTWARE = Path("/opt/edgekit")
BOX_TOML = Path("/etc/edgekit/box.toml")
SIGNS = Path("/run/edgekit/vital-signs.json")


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


@app.command("try")
def try_release(
    release: Annotated[str, typer.Argument(help="The id of a staged release.")],
    *,
    config: Config = BOX_TOML,
    store: Store = SOFTWARE,
    signs: Signs = SIGNS,
    look_s: Annotated[
        float, typer.Option(help="Seconds for which a camera that shows nothing is watched before it counts as dead.")
    ] = 10.0,
) -> None:
    """Write down how the box does, and put a staged release to use on trial; restart the service afterwards.

    The service's unit starts the gate, which finds the release good or goes back to the one before.

    Example: edgekit release try 2026.11.2 && systemctl restart edgekit.service
    """
    from edge.deploy.gate import Site, begin_trial  # noqa: PLC0415 - help must not wait for engines
    from edge.deploy.store import ReleaseStore  # noqa: PLC0415

    begin_trial(ReleaseStore(store), release, Site(config, signs), look_s)
    print(f"on trial: {release}")


@app.command()
def gate(
    *,
    config: Config = BOX_TOML,
    store: Store = SOFTWARE,
    signs: Signs = SIGNS,
    most_s: Annotated[
        float,
        typer.Option(help="Seconds after its start until it must be well.", min=1),
    ] = 30.0,
    steady_s: Annotated[float, typer.Option(help="Seconds on end for which it must be well.", min=0)] = 10.0,
    start_s: Annotated[float, typer.Option(help="Seconds that a start may take which is at work.", min=1)] = 900.0,
    group: Annotated[
        Path | None, typer.Option(help="The control group of the service's unit, if not in system.slice.")
    ] = None,
    verdict: Annotated[
        Path | None, typer.Option(help="Only judge, and write the verdict here for `settle`; this needs no root.")
    ] = None,
) -> None:
    """Judge the release on trial: good, or bad and the one before is in use again. Exit code 1 where it is bad.

    It must start, run from its own folder, prove itself (`edgekit release prove`), leave an outbox that the release
    before can read, do no worse by any camera that did well before, and exchange a message with the broker if that
    worked before.

    Example: edgekit release gate
    """
    from edge.deploy.gate import Gate, Patience, Site  # noqa: PLC0415 - help must not wait for engines
    from edge.deploy.store import ReleaseStore  # noqa: PLC0415
    from edge.deploy.verdict import settle  # noqa: PLC0415
    from edge.durable import write_whole  # noqa: PLC0415

    releases = ReleaseStore(store)
    if verdict is not None:
        verdict.unlink(missing_ok=True)  # of an earlier trial: done again, it would restart the service for ever
    site = Site(config, signs) if group is None else Site(config, signs, (group,))
    found = Gate(releases, site, Patience(most_s, steady_s, start_s=start_s)).judge()
    if verdict is None:
        print(settle(releases, found))
    elif found is not None and releases.read().on_trial is not None:
        write_whole(verdict, found.model_dump_json().encode())
        print(f"release {found.release}: {'; '.join(found.faults) or 'well'}")
    else:
        print("no release is on trial")


@app.command("settle")
def settle_trial(
    *,
    verdict: Annotated[Path, typer.Option(help="What `edgekit release gate` wrote; no file where none was on trial.")],
    store: Store = SOFTWARE,
) -> None:
    """Do as root what the gate found without being root. Exit code 1 where the release is bad, or nobody judged it.

    Example: edgekit release settle --verdict /run/edgekit-gate/verdict.json
    """
    from edge.deploy.store import ReleaseStore  # noqa: PLC0415 - help must not wait for pydantic
    from edge.deploy.verdict import read_verdict, settle  # noqa: PLC0415

    print(settle(ReleaseStore(store), read_verdict(verdict)))


@app.command()
def prove(
    *,
    config: Config = BOX_TOML,
    outbox: Annotated[Path | None, typer.Option(help="A new file that the proof's outbox is kept in.")] = None,
) -> None:
    """Let this software prove itself: the model on its golden picture, and a frame through every stage to a broker.

    Nothing of the running box is touched, and its own broker hears nothing.

    Example: edgekit release prove --config box.toml
    """
    from edge.config import load_config  # noqa: PLC0415 - help must not wait for engines
    from edge.deploy.proof import prove as prove_box  # noqa: PLC0415

    with TemporaryDirectory(prefix="edgekit-proof-") as folder:
        event = prove_box(load_config(config), outbox or Path(folder) / "outbox.db")
    stock = event.stock
    print(f"proved: {stock.count if stock else 0} {stock.tag if stock else ''} came over the broker")


@app.command()
def rollback(
    *,
    store: Store = SOFTWARE,
    reason: Annotated[str, typer.Option(help="Why; kept with the release that is left.")] = "an operator asked for it",
    of_trial: Annotated[
        bool, typer.Option("--of-trial", help="Only where the release in use is on trial; else change nothing.")
    ] = False,
) -> None:
    """Return to the good release before the one in use; restart the service afterwards.

    Example: edgekit release rollback --reason "no events since the update"
    """
    from edge.deploy.store import ReleaseStore  # noqa: PLC0415 - help must not wait for pydantic

    releases = ReleaseStore(store)
    after = releases.end_trial(reason) if of_trial else releases.roll_back(reason)
    print(f"in use now: {after.current or 'no release'}")


@app.command()
def tidy(
    *,
    store: Store = SOFTWARE,
    days: Annotated[int, typer.Option(help="For how long a bad or a waiting release is kept.", min=1)] = 30,
) -> None:
    """Remove releases that have long been bad or waited for their trial; a timer runs this each day.

    Example: edgekit release tidy --days 30
    """
    from datetime import datetime, timedelta, timezone  # noqa: PLC0415 - help must not wait for pydantic

    from edge.deploy.store import ReleaseStore  # noqa: PLC0415

    after = ReleaseStore(store).tidy(datetime.now(timezone.utc) - timedelta(days=days))
    print(f"kept: {', '.join(release.id for release in after.releases) or 'no release'}")


@app.command()
def start(*, store: Store = SOFTWARE) -> None:
    """Set right what a crash left, and count a start: the service's unit calls this before each start.

    A release on trial that starts too often without being found good is left for the one before it.

    Example: edgekit release start
    """
    from edge.deploy.store import ReleaseStore  # noqa: PLC0415 - help must not wait for pydantic

    print(f"in use: {ReleaseStore(store).start().current or 'no release'}")

"""The releases of a box: which one is in use, and whether there is a way back."""

from collections.abc import Iterator
from pathlib import Path

from devices.errors import EdgekitError
from edge.deploy.ledger import Ledger, State
from edge.deploy.store import ReleaseStore
from edge.doctor.finding import Finding, failure, fine, warning

SOFTWARE = Path("/opt/edgekit")


def check_releases(root: Path) -> Iterator[Finding]:
    """Say how the releases below a folder stand; where there is none nothing is to be said."""
    if not root.is_dir():
        return
    try:
        ledger = ReleaseStore(root).read()
    except EdgekitError as exc:
        yield failure("releases", str(exc), "no update and no way back is possible", "as it says")
        return
    if ledger.current is not None:
        yield _of_current(ledger, ledger.current)


def _of_current(ledger: Ledger, current: str) -> Finding:
    release = ledger.find(current)
    match release.state:
        case State.TRIAL:
            return warning(
                "releases",
                f"{current} is on trial since {release.since:%Y-%m-%d %H:%M} UTC, started {release.starts} times",
                "until it is found good the next starts may take it back",
                "wait for the gate: systemctl status edgekit-gate.service; or run `edgekit release gate`",
            )
        case State.BAD:
            return warning(
                "releases",
                f"{current} is in use and was found bad: {release.reason}",
                "there was no release before it to return to",
                "mend what it says, then flash a release anew",
            )
        case _:
            back = f", {ledger.previous} is returned to" if ledger.previous else ", none before it"
            return fine("releases", f"{current} is good{back}")

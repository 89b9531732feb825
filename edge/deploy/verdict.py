"""What a gate found of a release on trial, and what is done about it; light, since a bad release runs meanwhile."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from devices.errors import EdgekitError
from devices.validation import explain
from edge.deploy.ledger import ReleaseId
from edge.deploy.store import ReleaseStore
from edge.plain_file import read_plain

_MOST_BYTES = 1 << 16
_ANEW = "run `edgekit release gate` anew"


class Verdict(BaseModel):
    """What the gate found of a release on trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: ReleaseId
    faults: tuple[str, ...] = Field(description="none: it is good")


def read_verdict(path: Path) -> Verdict | None:
    """Return what the gate found; None where it found nothing, since none was on trial.

    Root reads this, and the service's user writes it.

    Raises:
        EdgekitError: What is there is no verdict.
    """
    try:
        return Verdict.model_validate_json(read_plain(path, _MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise EdgekitError(f"cannot read the verdict {path} ({exc.strerror}): {_ANEW}") from exc
    except ValidationError as exc:
        raise EdgekitError(f"{path} is no verdict ({explain(exc, Verdict)}): {_ANEW}") from exc


def settle(store: ReleaseStore, verdict: Verdict | None) -> str:
    """Do what the gate found: keep the release on trial, or go back to the one before it.

    Args:
        store: Of the releases.
        verdict: None where none was on trial.

    Returns:
        What became of it, for a person.

    Raises:
        EdgekitError: The release is bad: the one before it is in use, and the service has to be restarted. Or one is on
            trial that nobody judged.
    """
    trial = store.read().on_trial
    if trial is not None and (verdict is None or verdict.release != trial.id):
        raise EdgekitError(f"release {trial.id} is on trial, and nobody judged it: run `edgekit release gate`")
    if verdict is None:
        return "no release is on trial"
    if verdict.faults:
        reason = "; ".join(verdict.faults)
        after = store.end_trial(reason)
        raise EdgekitError(f"release {verdict.release} is bad: {reason}. In use is {after.current}: restart the unit")
    if trial is None:
        raise EdgekitError(f"release {verdict.release} is on trial no more: see `edgekit release list`")
    store.pass_trial()
    return f"release {verdict.release} is good"

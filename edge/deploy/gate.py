"""The health gate: watches a release on trial where it runs, and says whether it stays.

It runs from the release before (`keeper`), so that what is judged is never the judge. The release on trial proves
itself in a process of its own software; how it does in service is read from the vital signs that the box tells.
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from devices.errors import EdgekitError
from devices.validation import read_json
from edge.config import load_config
from edge.deploy.judgement import Before, Watch, best_of
from edge.deploy.ledger import Release
from edge.deploy.proof_process import ProofProcess
from edge.deploy.start_watch import StartWatch, service_groups
from edge.deploy.store import ReleaseStore
from edge.deploy.verdict import Verdict
from edge.doctor.broker import check_broker
from edge.doctor.finding import Level
from edge.runtime.vital_signs import VitalSigns, read_signs

_log = logging.getLogger(__name__)

BEFORE = "before.json"
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the gate watches.

    Attributes:
        most_s: Until the release must be found well, from when its start was over or it was last at work on it: cameras
            take seconds to be opened.
        steady_s: For how long on end one run of it must be well.
        proof_s: How long its proof may take while nothing else is wrong: a slow box is no bad release.
        pending_s: How long the unit may take until it starts the release: the one before is given 30 s to end.
        start_s: How long a start may take that is at work all the time: an engine is built in minutes.
        hang_s: After how long a start that computes nothing hangs.
    """

    most_s: float = 30.0
    steady_s: float = 10.0
    proof_s: float = 150.0
    pending_s: float = 60.0
    start_s: float = 900.0
    hang_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Site:
    """The box that a release runs on.

    Attributes:
        config: Its box.toml.
        signs: The file in which the running box tells its vital signs.
        groups: Where the service's control group may lie.
    """

    config: Path
    signs: Path
    groups: tuple[Path, ...] = field(default_factory=service_groups)


def begin_trial(store: ReleaseStore, release_id: str, site: Site, look_s: float = 10.0) -> None:
    """Write down how the box does, then put a staged release to use; the service has to be restarted afterwards.

    Args:
        store: Of the releases.
        release_id: What is to be tried.
        site: The box.
        look_s: For how long a camera that shows nothing is watched before it counts as dead; one that is
            opened anew waits 8 s at most.

    Raises:
        EdgekitError: The release may not be tried, or nothing can be written.
    """
    now = datetime.now(timezone.utc)
    ledger = store.read()
    ledger.tried(release_id, now)  # refused before a broker is waited for
    if ledger.current is not None:  # the first one has nothing before it, not even a configuration that could be read
        fault = _broker_fault(site)
        before = Before(release=release_id, at=now, signs=_signs(site, look_s), round_trip=fault is None)
        try:
            store.write(BEFORE, before.model_dump_json(indent=1, by_alias=True).encode())
        except OSError as exc:
            raise EdgekitError(f"cannot write {store.root / BEFORE}: {exc.strerror}") from exc
    store.try_out(release_id)


def _signs(site: Site, look_s: float) -> VitalSigns | None:
    """Return how the box does, each camera at its best within a while; None where nothing runs."""
    end_s = time.monotonic() + look_s
    best = read_signs(site.signs)
    while best is not None and time.monotonic() < end_s:
        if best.connected and all(camera.streaming for camera in best.cameras.values()):
            break
        time.sleep(_LOOK_S)
        now = read_signs(site.signs)
        best = best if now is None else best_of(best, now)
    return best


class Gate:
    """Judges the release that is on trial.

    Args:
        store: Of the releases.
        site: The box.
        patience: How long it watches.
    """

    def __init__(self, store: ReleaseStore, site: Site, patience: Patience | None = None) -> None:
        self._store = store
        self._site = site
        self._patience = patience or Patience()

    def judge(self) -> Verdict | None:
        """Watch the release on trial, and change nothing; None where none is on trial.

        Raises:
            EdgekitError: Ledger or configuration cannot be read.
        """
        trial = self._store.read().on_trial
        if trial is None:
            return None
        faults = self._watched(trial)
        if self._on_trial(trial) is not None:
            return Verdict(release=trial.id, faults=faults)
        told = next((one.reason for one in self._store.read().releases if one.id == trial.id), None)
        return Verdict(release=trial.id, faults=(told or "it was removed meanwhile",))

    def _watched(self, trial: Release) -> tuple[str, ...]:
        """Return what is wrong with a release; nothing where it was well for long enough, or is on trial no more."""
        before = self._before(trial)
        folder = self._store.folder(trial.id)
        watch = Watch(folder.resolve(), before.signs if before is not None else None)
        start = StartWatch(self._site.groups, self._patience.pending_s, self._patience.hang_s)
        late: tuple[str, ...] = ()
        with ProofProcess(folder, self._site.config) as proof:
            while (now := self._on_trial(trial)) is not None:
                watch.look(read_signs(self._site.signs))
                start.look(begun=now.starts > 0, runs=watch.runs)
                refuted = proof.look() if watch.runs else None
                if refuted is not None:
                    return (refuted,)
                faults = watch.faults
                if watch.steady_s >= self._patience.steady_s and proof.passed:
                    faults = self._broker_faults(before)
                    if not faults:
                        return ()
                late = faults or late  # what was last seen to be wrong
                proving = not faults and not proof.passed
                if start.idle_s >= (self._patience.proof_s if proving else self._patience.most_s):
                    break
                if start.hangs:
                    return (f"its start hangs: it is not over, and computes nothing for {self._patience.hang_s:g} s",)
                if start.starts_s >= self._patience.start_s:
                    return (f"its start is not over after {self._patience.start_s:g} s",)
                time.sleep(_LOOK_S)
        return late or (f"it was not well for {self._patience.steady_s:g} s on end within {self._patience.most_s:g} s",)

    def _on_trial(self, trial: Release) -> Release | None:
        """Return how a trial stands now, None where it has ended."""
        now = self._store.read().on_trial
        return now if now is not None and now.id == trial.id else None

    def _before(self, trial: Release) -> Before | None:
        """Return how the box did as this trial began; None where nobody wrote it down."""
        path = self._store.root / BEFORE
        if not path.exists():
            return None
        before = read_json(path, Before, "box before a trial", "remove it, then nothing is compared")
        return before if before.release == trial.id else None

    def _broker_faults(self, before: Before | None) -> tuple[str, ...]:
        fault = _broker_fault(self._site)
        if fault is not None and before is not None and before.round_trip:
            return (f"no message goes to the broker and back any more: {fault}",)
        if fault is not None:
            _log.warning("no message goes to the broker and back, as before this release: %s", fault)
        return ()


def _broker_fault(site: Site) -> str | None:
    """Return why no message goes to the broker and comes back, None where one does."""
    found = next(iter(check_broker(load_config(site.config))))
    return None if found.level is Level.OK else found.what

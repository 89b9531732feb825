"""A folder of releases with one in use: software below /opt/edgekit, or model bundles in the service's state folder.

    releases/<id>/    files of a release, whole once the ledger says staged
    releases.json     the ledger: the only truth, always written whole
    current           a link to the release in use; follows the ledger, and is set right by `recover` after a crash

A crash at any moment leaves the ledger before or after a step, and `recover` makes the rest follow from it.
"""

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Generator
from datetime import datetime, timezone
from pathlib import Path

from pydantic import ValidationError

from devices.errors import EdgekitError
from devices.validation import explain
from edge.deploy.ledger import Ledger, State
from edge.durable import sync_folder, sync_tree, write_whole

LEDGER = "releases.json"
CURRENT = "current"
_RELEASES = "releases"
_NEW_LINK = ".current.new"
_LOCK = ".lock"

Now = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class ReleaseStore:
    """The releases below one folder. One process at a time changes them; others may read.

    Args:
        root: The folder; made if missing.
        now: Returns the time, UTC.
    """

    def __init__(self, root: Path, now: Now = _utc_now) -> None:
        self.root = root
        self._now = now

    @property
    def current(self) -> Path:
        """The link to the release in use: what a unit's command line and a configuration name."""
        return self.root / CURRENT

    def folder(self, release_id: str) -> Path:
        """Return the folder of a release."""
        return self.root / _RELEASES / release_id

    def read(self) -> Ledger:
        """Return what is known of the releases.

        Raises:
            EdgekitError: The ledger cannot be read, or was changed by hand to something that makes no sense.
        """
        path = self.root / LEDGER
        try:
            return Ledger.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return Ledger()
        except OSError as exc:
            raise EdgekitError(f"cannot read {path}: {exc.strerror}") from exc
        except ValidationError as exc:
            raise EdgekitError(f"{path} is no ledger of releases ({explain(exc, Ledger)}): restore it") from exc

    def stage(self, release_id: str, counter: int, fill: Callable[[Path], None]) -> None:
        """Write a new release; it is staged when every byte of it is on disk, and gone if anything fails.

        Args:
            release_id: Its name, new here.
            counter: Not below that of any release that was found good here.
            fill: Writes its files into the folder that it gets, which stays where it is: a Python environment must be
                made at the place where it will run.

        Raises:
            EdgekitError: It may not be staged, or cannot be written.
        """
        with self._changing() as ledger:
            filling = ledger.filling(release_id, counter, self._now())
            self._write(filling)
            folder = self.folder(release_id)
            try:
                folder.mkdir(parents=True)
                fill(folder)
                sync_tree(folder)
            except BaseException:
                self._write(ledger)
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._write(filling.staged(release_id, self._now()))

    def try_out(self, release_id: str) -> None:
        """Put a staged release to use, on trial.

        Raises:
            EdgekitError: It is not staged, or another one is on trial.
        """
        with self._changing() as ledger:
            self._commit(ledger.tried(release_id, self._now()))

    def start(self) -> Ledger:
        """Recover, and count a start of the release in use; to be called before each start of the service.

        Returns:
            The ledger after that: a release that was started too often on trial is no longer the one in use.
        """
        with self._changing() as ledger:
            after = ledger.started(self._now())
            self._commit(after)
            return after

    def pass_trial(self) -> None:
        """Find the release on trial good, and remove what is no longer needed.

        Raises:
            EdgekitError: None is on trial.
        """
        with self._changing() as ledger:
            self._commit(ledger.passed(self._now()).pruned())

    def fail_trial(self, reason: str) -> Ledger:
        """Find the release on trial bad and return to the one before.

        Raises:
            EdgekitError: None is on trial.
        """
        with self._changing() as ledger:
            after = ledger.failed(reason, self._now()).pruned()
            self._commit(after)
            return after

    def roll_back(self, reason: str) -> Ledger:
        """Return to the good release before the one in use.

        Raises:
            EdgekitError: There is none.
        """
        with self._changing() as ledger:
            after = ledger.rolled_back(reason, self._now()).pruned()
            self._commit(after)
            return after

    @contextlib.contextmanager
    def _changing(self) -> Generator[Ledger, None, None]:
        """Hold the store, with whatever a crash left behind put in order.

        Raises:
            EdgekitError: Another process is at it, or the folder cannot be written.
        """
        try:
            (self.root / _RELEASES).mkdir(parents=True, exist_ok=True)
            with (self.root / _LOCK).open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield self._recovered()
        except BlockingIOError as exc:
            raise EdgekitError(f"another program is changing the releases below {self.root}: try again") from exc
        except OSError as exc:
            raise EdgekitError(f"cannot change the releases below {self.root}: {exc.strerror}") from exc

    def _recovered(self) -> Ledger:
        ledger = self.read()
        whole = ledger.model_copy(
            update={"releases": tuple(one for one in ledger.releases if one.state is not State.FILLING)}
        )
        if whole != ledger:
            self._write(whole)
        self._follow(whole)
        return whole

    def _commit(self, ledger: Ledger) -> None:
        self._write(ledger)
        self._follow(ledger)

    def _write(self, ledger: Ledger) -> None:
        write_whole(self.root / LEDGER, (ledger.model_dump_json(indent=1, by_alias=True) + "\n").encode())

    def _follow(self, ledger: Ledger) -> None:
        """Make the link and the folders what the ledger says."""
        wanted = None if ledger.current is None else Path(_RELEASES) / ledger.current
        if wanted is None:
            self.current.unlink(missing_ok=True)
        elif not self.current.is_symlink() or self.current.readlink() != wanted:
            new = self.root / _NEW_LINK
            new.unlink(missing_ok=True)
            new.symlink_to(wanted)
            new.replace(self.current)
        sync_folder(self.root)
        known = {release.id for release in ledger.releases}
        for folder in (self.root / _RELEASES).iterdir():
            if folder.name not in known:
                shutil.rmtree(folder)

"""A folder of releases with one in use: software below /opt/edgekit, or model bundles in the service's state folder.

    releases/<id>/    files of a release, whole once the ledger says staged
    releases.json     the ledger: the only truth, always written whole
    current           a link to the release in use; follows the ledger, and is set right after a crash
    keeper            a link to the release that judges: the good one before, while the one in use is on trial

A crash at any moment leaves the ledger before or after a step, and whoever changes the store next makes the rest follow
from it. What looks after a trial runs from `keeper`, so that no release can prevent that it is taken back.
"""

import contextlib
import shutil
from collections.abc import Callable, Generator
from datetime import datetime, timezone
from pathlib import Path

from pydantic import ValidationError

from devices.errors import EdgekitError
from devices.validation import explain
from edge.deploy.ledger import Ledger
from edge.deploy.lock import held, is_held
from edge.durable import sync_folder, sync_tree, write_whole
from edge.plain_file import read_plain

LEDGER = "releases.json"
CURRENT = "current"
KEEPER = "keeper"
RELEASES = "releases"
_MOST_LEDGER_BYTES = 1 << 20  # a release has some hundred
_LOCK = ".lock"
_FILLING_LOCK = ".filling"
_LOCK_WAIT_S = 10.0  # a change of the ledger takes milliseconds, the removal of an old release a few seconds

Now = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class ReleaseStore:
    """The releases below one folder. One process at a time changes them; others may read.

    Args:
        root: The folder; made if missing.
        now: Returns the time, UTC.
        lock_wait_s: For how long another program is waited for.
    """

    def __init__(self, root: Path, now: Now = _utc_now, lock_wait_s: float = _LOCK_WAIT_S) -> None:
        self.root = root
        self._now = now
        self._lock_wait_s = lock_wait_s

    @property
    def current(self) -> Path:
        """The link to the release in use: what a unit's command line and a configuration name."""
        return self.root / CURRENT

    @property
    def keeper(self) -> Path:
        """The link to the release that judges trials: what the units name that take back."""
        return self.root / KEEPER

    def folder(self, release_id: str) -> Path:
        """Return the folder of a release."""
        return self.root / RELEASES / release_id

    def read(self) -> Ledger:
        """Return what is known of the releases.

        Raises:
            EdgekitError: The ledger is missing beside releases, cannot be read, or was changed by hand to something
                that makes no sense.
        """
        path = self.root / LEDGER
        try:
            return Ledger.model_validate_json(read_plain(path, _MOST_LEDGER_BYTES))
        except FileNotFoundError:
            self._refuse_orphans(path)
            return Ledger()
        except OSError as exc:
            raise EdgekitError(f"cannot read {path}: {exc.strerror}") from exc
        except ValidationError as exc:
            raise EdgekitError(f"{path} is no ledger of releases ({explain(exc, Ledger)}): restore it") from exc

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the store whole; everybody may read it, whatever the umask: who judges is not root.

        Raises:
            OSError: It cannot be written.
        """
        path = self.root / name
        write_whole(path, content)
        path.chmod(0o644)

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
        with self._filling():
            with self._changing() as ledger:
                # Nobody else is filling one, so what the ledger says of that is the rest of a crash.
                self._write(ledger.without_filling().filling(release_id, counter, self._now()))
            folder = self.folder(release_id)
            try:
                shutil.rmtree(folder, ignore_errors=True)  # of one that was bad and is brought again
                folder.mkdir(parents=True)
                fill(folder)
                sync_tree(folder)
            except BaseException as exc:
                with self._changing() as ledger:
                    self._commit(ledger.without_filling())
                if isinstance(exc, OSError):
                    raise EdgekitError(f"cannot write release {release_id} into {folder}: {exc.strerror}") from exc
                raise
            with self._changing() as ledger:
                self._write(ledger.staged(release_id, self._now()))

    def try_out(self, release_id: str) -> None:
        """Put a staged release to use, on trial.

        Raises:
            EdgekitError: It is not staged, or another one is on trial.
        """
        with self._changing() as ledger:
            self._commit(ledger.tried(release_id, self._now()))

    def recover(self) -> Ledger:
        """Set right what a crash left: no release half written, links as the ledger says; returns the ledger.

        Raises:
            EdgekitError: Another process is at it, or the folder cannot be written.
        """
        with self._changing() as ledger:
            return ledger

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
        """Find the release on trial bad and return to the one before; nothing is removed, since that takes its time.

        Raises:
            EdgekitError: None is on trial.
        """
        with self._changing() as ledger:
            after = ledger.failed(reason, self._now())
            self._commit(after)
            return after

    def end_trial(self, reason: str) -> Ledger:
        """Find the release on trial bad where there is one; a trial that has ended is left as it ended."""
        with self._changing() as ledger:
            after = ledger if ledger.on_trial is None else ledger.failed(reason, self._now())
            self._commit(after)
            return after

    def prune(self) -> None:
        """Remove what is no longer needed."""
        with self._changing() as ledger:
            self._commit(ledger.pruned())

    def tidy(self, before: datetime) -> Ledger:
        """Remove what is no longer needed, and what has been bad, or waited for its trial, since before a time."""
        with self._changing() as ledger:
            after = ledger.pruned().tidied(before)
            self._commit(after)
            return after

    def roll_back(self, reason: str) -> Ledger:
        """Return to the good release before the one in use.

        Raises:
            EdgekitError: There is none.
        """
        with self._changing() as ledger:
            after = ledger.rolled_back(reason, self._now())
            self._commit(after)
            return after

    @contextlib.contextmanager
    def _filling(self) -> Generator[None, None, None]:
        """Say that the release that is being filled is no rest of a crash, for as long as this process lives.

        Ledger and links stay free meanwhile: filling takes minutes, and a box must be able to start in between.

        Raises:
            EdgekitError: Another process is filling one.
        """
        with self._held(_FILLING_LOCK, 0.0, f"another program is writing a release below {self.root}: wait for it"):
            yield

    @contextlib.contextmanager
    def _changing(self) -> Generator[Ledger, None, None]:
        """Hold the store, with whatever a crash left behind put in order.

        Raises:
            EdgekitError: Another process is at it, or the folder cannot be written.
        """
        told = f"another program is changing the releases below {self.root}: try again"
        with self._held(_LOCK, self._lock_wait_s, told):
            try:
                yield self._recovered()
            except OSError as exc:
                raise EdgekitError(f"cannot change the releases below {self.root}: {exc.strerror}") from exc

    @contextlib.contextmanager
    def _held(self, name: str, wait_s: float, told: str) -> Generator[None, None, None]:
        with contextlib.ExitStack() as stack:
            try:
                (self.root / RELEASES).mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(self.root / name, wait_s, told))
            except OSError as exc:
                raise EdgekitError(f"cannot change the releases below {self.root}: {exc.strerror}") from exc
            yield

    def _refuse_orphans(self, ledger: Path) -> None:
        """Refuse a store that has lost its ledger: taken for an empty one, its releases would be removed.

        Raises:
            EdgekitError: There are releases.
        """
        folder = self.root / RELEASES
        orphans = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        if orphans or self.current.is_symlink():
            raise EdgekitError(
                f"{ledger} is missing, and there are releases ({', '.join(orphans) or self.current.name}): restore it "
                f"from a copy of the disk, or move {self.root} away and install anew"
            )

    def _recovered(self) -> Ledger:
        ledger = self.read()
        whole = ledger.without_filling()
        if whole != ledger and is_held(self.root / _FILLING_LOCK):
            whole = ledger
        elif whole != ledger:
            self._write(whole)
        self._follow(whole)
        return whole

    def _commit(self, ledger: Ledger) -> None:
        self._write(ledger)
        self._follow(ledger)

    def _write(self, ledger: Ledger) -> None:
        self.write(LEDGER, (ledger.model_dump_json(indent=1, by_alias=True) + "\n").encode())

    def _follow(self, ledger: Ledger) -> None:
        """Make the links and the folders what the ledger says; who judges comes first, who is judged after."""
        self._link(self.keeper, ledger.keeper)
        self._link(self.current, ledger.current)
        known = {release.id for release in ledger.releases}
        for folder in (self.root / RELEASES).iterdir():
            if folder.name not in known:
                shutil.rmtree(folder)

    def _link(self, link: Path, release_id: str | None) -> None:
        wanted = None if release_id is None else Path(RELEASES) / release_id
        if wanted is None:
            link.unlink(missing_ok=True)
        elif not link.is_symlink() or link.readlink() != wanted:
            new = link.with_name(f".{link.name}.new")
            new.unlink(missing_ok=True)
            new.symlink_to(wanted)
            new.replace(link)
        sync_folder(self.root)

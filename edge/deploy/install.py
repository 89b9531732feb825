"""The installer: brings a payload into a system as one release that is staged, then put to use as a whole.

All that a release is made of lies in its own folder: environment, units, configuration, bundle. The system outside
holds links that lead through `current`, so that one rename switches everything, forwards and back. An installer that is
cut off at any moment leaves the old release in use or the new one, and is simply run again.

It runs on a box, started by bootstrap.py, or on a workstation for a system below a folder. Whether the new release is
good is not its to say: it puts it on trial, and the health gate (`edgekit release gate`) decides.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from devices.errors import EdgekitError
from edge.deploy.environment import make_environment
from edge.deploy.ledger import Ledger, State
from edge.deploy.payload import SECRETS, SITE, UNITS, WHEELS, Payload, open_payload
from edge.deploy.secrets import FOLDER, keep_secrets
from edge.deploy.store import KEEPER, RELEASES, ReleaseStore
from edge.deploy.system import System, look_at
from edge.deploy.unit_links import DROP_IN_FOLDER, UNIT_FOLDER, link_units

SOFTWARE = "/opt/edgekit"
SETTINGS = "/etc/edgekit"
COMMANDS = "/usr/local/bin"
DROP_INS = ("edgekit.service.d", "edgekit-gate.service.d")  # both need the same: the gate tries broker and processor
_ROOM = 5  # times the wheels' size, which are packed: unpacked, compiled, and a third to spare
_SYSTEMD_RUNS = Path("/run/systemd/system")  # Source: sd_booted(3)
_PATIENCE_S = 240.0  # longer than the unit may take to start

Told = Callable[[str], None]


def install(folder: Path, root: Path, tell: Told = print) -> str:
    """Install a payload into a system; one that is there already is left as it is.

    Args:
        folder: The payload.
        root: The system's root folder.
        tell: Takes what has been done, a line at a time.

    Returns:
        The release that is in use and to be judged, or was judged already.

    Raises:
        EdgekitError: The payload or the system is not fit, or something cannot be written; what was in use is in use.
    """
    os.umask(0o022)  # whatever the caller's: the service's own user reads what is written here
    payload = open_payload(folder)
    release = payload.listed.release
    system = look_at(root, payload.listed.target)
    carried = folder / SECRETS
    secrets = [f"{SETTINGS}/{FOLDER}"] if carried.is_dir() else []
    # What cannot be linked, or leads out of the root, is found before minutes of unpacking.
    for place in (SETTINGS, COMMANDS, UNIT_FOLDER, DROP_IN_FOLDER, f"{SOFTWARE}/{RELEASES}", *secrets):
        system.place(place)
    store = ReleaseStore(system.place(SOFTWARE))
    ledger = store.recover()  # one that was cut off may have written the ledger and not yet set the link
    if not _is_in_use(ledger, release):
        _stage(payload, system, store, ledger)
        tell(f"{release} is staged")
    for name in keep_secrets(carried, system.root / SETTINGS.lstrip("/") / FOLDER):
        tell(f"secret {name} is kept")
    link_units(store.folder(release) / UNITS, system)
    _link_settings(system, tell)
    _link_command(system, tell)
    if not _is_in_use(ledger, release):
        _put_to_use(store, release, runs=root == Path("/") and _SYSTEMD_RUNS.is_dir())
        tell(f"{release} is in use, on trial")
    else:
        tell(f"{release} was in use already")
    return release


def restart(tell: Told = print) -> None:
    """Let the running system take the release in use: its units read anew, the service started anew.

    Raises:
        EdgekitError: systemd refuses; the release is on trial, and its gate or the next start decides.
    """
    if not _SYSTEMD_RUNS.is_dir():
        tell("systemd does not run here: the release starts with the system")
        return
    _run(["systemctl", "daemon-reload"], "systemd cannot read the units")
    # The unit starts the gate, which takes its time: to wait for it is for who asked for the update.
    _run(["systemctl", "restart", "--no-block", "edgekit.service"], "the service cannot be started")
    tell("edgekit.service is being started")


def _is_in_use(ledger: Ledger, release: str) -> bool:
    return ledger.current == release and ledger.find(release).state in (State.TRIAL, State.GOOD)


def _stage(payload: Payload, system: System, store: ReleaseStore, ledger: Ledger) -> None:
    """Write a release, unless an installer that was cut off has done so."""
    listed = payload.listed
    if any(one.id == listed.release and one.state is State.STAGED for one in ledger.releases):
        return
    store.prune()
    wheels = [payload.folder / WHEELS / name for name in listed.wheels]
    needed = _ROOM * sum(wheel.stat().st_size for wheel in wheels)
    free = shutil.disk_usage(store.root).free
    if free < needed:
        raise EdgekitError(
            f"{store.root} has {free >> 20} MiB free, and the release may need {needed >> 20}: make room there"
        )
    kept = None if ledger.current is None else store.folder(ledger.current)

    def fill(folder: Path) -> None:
        _copy(payload, UNITS, folder)
        if payload.has_site:
            _copy(payload, SITE, folder)
        else:
            _keep_site(folder, kept, system)
        prefix = Path(SOFTWARE) / folder.relative_to(store.root)
        make_environment(folder, prefix, system.python, listed.target, payload.folder / WHEELS / listed.pip, wheels)

    store.stage(listed.release, listed.counter, fill)


def _copy(payload: Payload, part: str, folder: Path) -> None:
    for source, path in payload.below(part):
        target = folder / part / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _keep_site(folder: Path, kept: Path | None, system: System) -> None:
    """Go on with the configuration in use, and with what its unit is given beside it."""
    if kept is not None and (kept / SITE / "box.toml").is_file():
        _copy_kept(kept / SITE, folder / SITE, system)
        for name in DROP_INS:
            if (kept / UNITS / name).is_dir():
                _copy_kept(kept / UNITS / name, folder / UNITS / name, system)
    elif not (system.place(SETTINGS) / "box.toml").is_file():
        raise EdgekitError("there is no configuration on this box and none in the payload: build it with --config")


def _copy_kept(source: Path, target: Path, system: System) -> None:
    """Copy a folder of a release, links as links: what they lead to may be this machine's and none of the root's."""
    if not source.resolve().is_relative_to(system.root.resolve()):
        raise EdgekitError(f"{source} leads out of {system.root}: move it away")
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def _link_settings(system: System, tell: Told) -> None:
    """Lead /etc/edgekit/box.toml to the release in use; a file that the site keeps there itself is never touched."""
    link = system.place(SETTINGS) / "box.toml"
    if not _linked(link, Path(SOFTWARE) / "current" / SITE / "box.toml"):
        tell(f"{link} is the site's own and stays in force; remove it to go by the configuration of each release")


def _link_command(system: System, tell: Told) -> None:
    """Give people the command `edgekit`, of the release that judges: a bad one must not prevent that it is left."""
    link = system.place(COMMANDS) / "edgekit"
    if not _linked(link, Path(SOFTWARE) / KEEPER / "bin" / "edgekit"):
        tell(f"{link} is not this installer's and stays; the box's own command is {SOFTWARE}/{KEEPER}/bin/edgekit")


def _linked(link: Path, goal: Path) -> bool:
    """Link where nothing stands; whether the link leads to its goal now."""
    if not link.is_symlink() and not link.exists():
        link.symlink_to(goal)
    return link.is_symlink() and link.readlink() == goal


def _put_to_use(store: ReleaseStore, release: str, *, runs: bool) -> None:
    trial = store.read().on_trial
    if trial is not None and trial.starts == 0:
        store.fail_trial(f"replaced by {release} before it was ever started")
    if not runs:
        store.try_out(release)
        return
    # By the new release's own command: it writes down how the box does before, which its gate compares with.
    command = [str(store.folder(release) / "bin" / "edgekit"), "release", "try", release]
    _run(command, f"release {release} cannot be tried")


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise EdgekitError(f"{what}: {exc}") from exc
    if done.returncode != 0:
        told = done.stderr.strip().splitlines()
        raise EdgekitError(f"{what}: {told[-1].removeprefix('error: ') if told else 'it did not say why'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Install as a program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="install.py", description="Install an edgekit payload on this box.")
    parser.add_argument("payload", type=Path)
    parser.add_argument("--root", type=Path, default=Path("/"), help="install below this folder, and start nothing")
    chosen = parser.parse_args(arguments)
    try:
        install(chosen.payload, chosen.root)
        if chosen.root == Path("/"):
            restart()
    except EdgekitError as exc:
        print(f"error: {exc}", file=sys.stderr)  # noqa: T201 - a program's voice
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

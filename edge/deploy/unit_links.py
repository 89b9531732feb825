"""systemd's view of a release: links in its folders that lead through `current`, so that units switch with all else.

Whoever switches a release (installer, gate, rollback) has systemd read its units anew: `systemctl daemon-reload`.
"""

import re
from pathlib import Path

from devices.errors import EdgekitError
from edge.deploy.system import System

UNIT_FOLDER = "/etc/systemd/system"
# Not in /etc: there `systemctl edit edgekit` puts what an administrator decides, and no release may hold that.
DROP_IN_FOLDER = "/usr/local/lib/systemd/system"
_UNITS = Path("/opt/edgekit/current/systemd")
_UNIT_NAME = re.compile(r"edgekit[A-Za-z0-9@._-]*\.(service|timer|path|socket|target)")
_WANTED_BY = re.compile(r"^WantedBy=([A-Za-z0-9@._-]+(?: +[A-Za-z0-9@._-]+)*)\s*$", re.MULTILINE)


def link_units(units: Path, system: System) -> None:
    """Link every unit and every folder of drop-ins of a release, and start at boot those that say when.

    Args:
        units: The release's units.
        system: Where they are linked.

    Raises:
        EdgekitError: A link cannot be made, or an administrator's own file stands in its place.
    """
    folder = system.place(UNIT_FOLDER)
    for path in sorted(units.iterdir()):
        if path.is_dir():
            _link(system.place(DROP_IN_FOLDER) / path.name, _UNITS / path.name)
        elif _UNIT_NAME.fullmatch(path.name):
            _link(folder / path.name, _UNITS / path.name)
            if path.name.endswith(("@.service", "@.timer")):
                continue  # a template starts only under a name
            for target in _wanting(path):
                wants = system.place(f"{UNIT_FOLDER}/{target}.wants")
                _link(wants / path.name, Path(UNIT_FOLDER) / path.name)


def _wanting(unit: Path) -> list[str]:
    return [name for line in _WANTED_BY.findall(unit.read_text(encoding="utf-8")) for name in line.split()]


def _link(link: Path, goal: Path) -> None:
    if link.is_symlink() and link.readlink() == goal:
        return
    if link.is_symlink() or link.exists():
        raise EdgekitError(f"{link} is there and leads elsewhere: move it away; settings of one's own go into drop-ins")
    try:
        link.symlink_to(goal)
    except OSError as exc:
        raise EdgekitError(f"cannot link {link}: {exc.strerror}") from exc

"""The units that a release brings, and the drop-ins that its configuration calls for."""

from pathlib import Path

from devices.errors import EdgekitError
from edge.deploy.install import DROP_INS
from edge.deploy.secrets import FOLDER, check_name
from edge.flash.site import Site

_DEVICES = "edgekit-devices.conf"


def unit_files() -> list[Path]:
    """Return the kit's units and the drop-in for devices.

    Raises:
        EdgekitError: They did not come with this installation.
    """
    package = Path(__file__).parent
    # A wheel carries them in this package (pyproject.toml); an editable install has them where they are written.
    for folder in (package / "systemd", package.parents[1] / "systemd"):
        if (folder / "edgekit.service").is_file():
            return sorted(path for path in folder.iterdir() if path.name.startswith("edgekit"))
    raise EdgekitError("the units of systemd/ are not with this installation of edgekit: install it anew")


def write_units(folder: Path, site: Site | None) -> None:
    """Write all units, and drop-ins for what a configuration needs.

    Args:
        folder: Of the payload's units; made here.
        site: The configuration that comes with it; without, the box goes on with the drop-ins that it has.

    Raises:
        EdgekitError: A name cannot be a credential's.
    """
    folder.mkdir()
    for path in unit_files():
        if path.name != _DEVICES:
            (folder / path.name).write_bytes(path.read_bytes())
    if site is None:
        return
    for name in site.credentials:
        check_name(name)
    lines = [f"LoadCredential={name}:/etc/edgekit/{FOLDER}/{name}" for name in sorted(site.credentials)]
    for drop_ins in DROP_INS:
        (folder / drop_ins).mkdir()
        (folder / drop_ins / "credentials.conf").write_text("\n".join(["[Service]", *lines, ""]), encoding="utf-8")
        if site.devices:
            devices = next(path for path in unit_files() if path.name == _DEVICES)
            (folder / drop_ins / "devices.conf").write_bytes(devices.read_bytes())

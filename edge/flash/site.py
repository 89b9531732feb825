"""A site's configuration for a box, checked on the workstation as the box will: box.toml and what it names beside it.

Relative paths in box.toml count from its own folder, here and on the box. What they name is carried: bundles, keys,
tables, certificates of whom to trust. What the box writes, and what nobody else may read, stands under absolute paths.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices.errors import EdgekitError
from devices.validation import parse_toml
from edge.config import BoxConfig, load_config
from edge.model.archive import unpack
from edge.model.bundle import open_bundle, open_classifier_bundle
from edge.section import Section
from edge.tags.routing import Routing

BOX_TOML = "box.toml"
_WRITTEN = (
    "outbox.path",
    "inference.state",
    "classifier.taught",
    "commands.audit_log",
    "swap.folder",
    "hard_cases.folder",
    "audit.state",
    "drift.state",
)
_SECRET = (
    "mqtt.password_file",
    "mqtt.tls.key_file",
    "web.token_file",
    "web.tls.key_file",
    "cameras.source.password_file",
)
_OWN_CAMERAS = ("usb", "csi", "gstreamer")


@dataclass(frozen=True, slots=True)
class Site:
    """What a configuration asks of the box beyond its files.

    Attributes:
        name: `site/box`, as in the box's topics.
        credentials: Names of what systemd has to hand to the service.
        devices: Whether it uses cameras or processors of the box's own.
    """

    name: str
    credentials: frozenset[str]
    devices: bool


def carry_site(box_toml: Path, bundle: Path | None, folder: Path) -> Site:
    """Copy a configuration and what it names into a payload, and check the copy.

    Args:
        box_toml: The configuration; what it names by relative paths lies beside it.
        bundle: A detector's bundle, as a folder or a file, in place of what lies at [bundle] path.
        folder: Of the payload's site; made here.

    Raises:
        EdgekitError: A file is missing or may not be carried, a camera's url holds a login, a bundle is not what its
            signer signed, or a table is faulty.
    """
    try:
        content = box_toml.read_bytes()
    except OSError as exc:
        raise EdgekitError(f"cannot read the configuration {box_toml}: {exc.strerror}") from exc
    config = parse_toml(content, box_toml, BoxConfig)
    _refuse_logins(config)
    folder.mkdir()
    (folder / BOX_TOML).write_bytes(content)
    if bundle is not None:
        _place_bundle(bundle, config, box_toml, folder)
    carried = [name for name, path in _paths(config) if _carry(name, path, box_toml.parent, folder)]
    _check(load_config(folder / BOX_TOML), carried)
    credentials = frozenset(value for name, value in _leaves(config) if name.endswith("_credential"))
    return Site(f"{config.box.site}/{config.box.name}", credentials, _uses_devices(config))


def _refuse_logins(config: BoxConfig) -> None:
    for camera in config.cameras:
        url = getattr(camera.source, "url", None) or ""
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise EdgekitError(
                f"the url of camera {camera.name} holds a login, and no release may hold a secret: write username and "
                "password_credential beside it, and bring the password by --secret"
            )


def _place_bundle(bundle: Path, config: BoxConfig, box_toml: Path, folder: Path) -> None:
    """Put a bundle where the configuration looks for it."""
    path = config.bundle.path
    if path.is_absolute():
        raise EdgekitError(f'path in [bundle] of {box_toml} is {path}: to carry a bundle along, write path = "bundle"')
    target = _inside(folder, path, "bundle.path")
    if bundle.is_dir():
        _copy(bundle, target)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        unpack(bundle, target, [box_toml.parent / key for key in config.bundle.trusted_keys])


def _carry(name: str, path: Path, source: Path, folder: Path) -> bool:
    """Copy what one key names; whether it had to be."""
    if path.is_absolute():
        return False
    if name in _WRITTEN:
        raise EdgekitError(f"{name} is {path}: a box writes it, so give a path below /var/lib/edgekit")
    if name in _SECRET:
        raise EdgekitError(
            f"{name} is {path}: no release may hold a secret; name a credential in its place, and bring it by --secret"
        )
    target = _inside(folder, path, name)
    if target.exists():
        return True  # two keys may name one file
    if not (source / path).exists():
        raise EdgekitError(
            f"{name} is {path}, and {source / path} is missing: put it there, or give its path on the box"
        )
    _copy(source / path, target)
    return True


def _inside(folder: Path, path: Path, name: str) -> Path:
    if ".." in path.parts or path == Path():
        raise EdgekitError(f"{name} is {path}: what is carried has to lie beside box.toml or below")
    return folder / path


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copyfile(source, target)
    except (OSError, shutil.Error) as exc:
        raise EdgekitError(f"cannot copy {source}: {exc}") from exc


def _check(config: BoxConfig, carried: list[str]) -> None:
    """Verify what was carried as the box will when it starts."""
    if "bundle.path" in carried:
        open_bundle(config.bundle.path, config.bundle.trusted_keys)
    if config.classifier is not None and "classifier.path" in carried:
        open_classifier_bundle(config.classifier.path, config.classifier.trusted_keys or config.bundle.trusted_keys)
    if carried.count("routing.catalogue") or carried.count("routing.routes"):
        Routing(config.routing.catalogue, config.routing.routes)


def _uses_devices(config: BoxConfig) -> bool:
    hardware = any(
        camera.source.kind in _OWN_CAMERAS or getattr(camera.source, "decode", "software") != "software"
        for camera in config.cameras
    )
    return hardware or config.inference.device != "cpu"


def _paths(config: BoxConfig) -> Iterator[tuple[str, Path]]:
    return ((name, value) for name, value in _leaves(config) if isinstance(value, Path))


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a configuration that is set, by the key's full name, without the place in a list."""
    match value:
        case Section():
            for key in type(value).model_fields:
                yield from _leaves(getattr(value, key), f"{name}.{key}".lstrip("."))
        case tuple():
            for item in value:
                yield from _leaves(item, name)
        case None:
            return
        case _:
            yield name, value

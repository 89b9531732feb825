"""box.toml as a file that a program changes: comments stay, the previous one is kept, and it is never half written."""

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from devices.errors import EdgekitError
from devices.validation import explain, parse_toml
from edge.config import BoxConfig
from edge.durable import write_whole
from edge.section import Polygon
from edge.video.section import Camera
from edge.zones import Line, Shelf

_DECIMALS = 4  # of a share of the picture: a fifth of a pixel of 1920


class ConfigChangedError(EdgekitError):
    """The file is another one than the one that a change was made for."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that is drawn on one camera's picture."""

    lines: tuple[Line, ...]
    shelves: tuple[Shelf, ...]
    masks: tuple[Polygon, ...]

    @classmethod
    def of(cls, camera: Camera) -> "Drawing":
        """Return what is drawn on a camera's picture."""
        return cls(camera.lines, camera.shelves, camera.masks)


class ConfigFile:
    """One box.toml; may be used from any thread.

    Args:
        path: Where it is. A link is followed, so that what it points at is replaced.
        check: Called with a configuration before it is written; raises EdgekitError where the box could not run it.
    """

    def __init__(self, path: Path, check: Callable[[BoxConfig], None] = lambda _config: None) -> None:
        self.path = path.resolve()
        self._check = check
        self._writing = threading.Lock()

    @property
    def previous(self) -> Path:
        """Where the file before the last change is kept."""
        return self.path.with_name(f"{self.path.name}.previous")

    @property
    def locked(self) -> str | None:
        """Why it cannot be changed, None where it can."""
        if not os.access(self.path.parent, os.W_OK):
            return (
                f"the box may not write into {self.path.parent}: keep box.toml in a folder that its service may write"
            )
        return None

    def read(self) -> tuple[BoxConfig, str]:
        """Return what it says now, paths as written, and its revision.

        Raises:
            EdgekitError: It cannot be read, or is not valid.
        """
        content = self._content()
        return parse_toml(content, self.path, BoxConfig), _revision(content)

    def redraw(self, camera: str, drawing: Drawing, revision: str) -> str:
        """Write what is drawn on a camera's picture, and return the new revision.

        Args:
            camera: Its name.
            drawing: Replaces all that was drawn.
            revision: Of the file that it was drawn for.

        Raises:
            ConfigChangedError: The file was changed since.
            EdgekitError: There is no such camera, the result would not be allowed, or the file cannot be written;
                nothing is changed then.
        """
        with self._writing:
            content = self._content()
            if _revision(content) != revision:
                raise ConfigChangedError(f"{self.path.name} was changed meanwhile: load the drawing anew")
            wanted = _redrawn(parse_toml(content, self.path, BoxConfig), camera, drawing)
            return self._write(_redrawn_text(content.decode(), camera, drawing), wanted)

    def set_inference(self, **values: str) -> str:
        """Write how the model is to run, and return the new revision; `requests` goes, since it overrides the mode.

        Args:
            values: Keys of `[inference]`.

        Raises:
            EdgekitError: The result would not be allowed, or the file cannot be written; nothing is changed then.
        """
        with self._writing:
            content = self._content()
            before = parse_toml(content, self.path, BoxConfig)
            inference = before.model_dump(by_alias=True, exclude_unset=True).get("inference", {})
            inference.pop("requests", None)
            wanted = _validated(
                {**before.model_dump(by_alias=True, exclude_unset=True), "inference": inference | values}
            )
            return self._write(_with_inference(content.decode(), values), wanted)

    def _write(self, text: str, wanted: BoxConfig) -> str:
        """Replace the file by a text that says exactly what is wanted.

        Raises:
            EdgekitError: It does not, or cannot be written.
        """
        if parse_toml(text.encode(), self.path, BoxConfig) != wanted:
            raise EdgekitError(f"{self.path.name} is written in a way that cannot be changed here: edit it by hand")
        self._check(wanted)
        self._replace(text.encode())
        return _revision(text.encode())

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as exc:
            raise EdgekitError(f"cannot read the configuration {self.path}: {exc.strerror}") from exc

    def _replace(self, content: bytes) -> None:
        try:
            rights = stat.S_IMODE(self.path.stat().st_mode)
            write_whole(self.previous, self.path.read_bytes(), rights)
            write_whole(self.path, content, rights)
        except OSError as exc:
            raise EdgekitError(f"cannot write {self.path} ({exc.strerror}): nothing was changed") from exc


def _revision(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _redrawn(config: BoxConfig, name: str, drawing: Drawing) -> BoxConfig:
    """Return a configuration with another drawing on one camera's picture.

    Raises:
        EdgekitError: There is no such camera, or the whole is not allowed.
    """
    if name not in {camera.name for camera in config.cameras}:
        raise EdgekitError(f"there is no camera {name!r} in the configuration any more: load the page anew")
    values = config.model_dump(by_alias=True, exclude_unset=True)
    camera = next(camera for camera in values["camera"] if camera["name"] == name)
    for key, zones in (("line", drawing.lines), ("shelf", drawing.shelves)):
        _set(camera, key, [_values(zone) for zone in zones])
    _set(camera, "masks", [_rounded(mask) for mask in drawing.masks])
    return _validated(values)


def _validated(values: dict[str, Any]) -> BoxConfig:
    try:
        return BoxConfig.model_validate(values)
    except ValidationError as exc:
        raise EdgekitError(explain(exc, BoxConfig)) from exc


def _with_inference(text: str, values: dict[str, str]) -> str:
    """Return a TOML text with some keys of `[inference]` set, and `requests` gone."""
    try:
        document: Any = tomlkit.parse(text)
        if "inference" not in document:
            table = tomlkit.table()
            table.update(values)
            document.append("inference", table)
        for key, value in values.items():
            _set(document["inference"], key, value)
        document["inference"].pop("requests", None)
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError, TypeError, AttributeError) as exc:
        raise EdgekitError(f"the configuration cannot be changed here ({exc}): edit it by hand") from exc


def _redrawn_text(text: str, name: str, drawing: Drawing) -> str:
    """Return a TOML text with another drawing on one camera's picture; what stays the same keeps its comments."""
    try:
        document = tomlkit.parse(text)
        cameras: Any = document["camera"]
        camera: Any = next(camera for camera in cameras if camera["name"] == name)
        for key, zones in (("line", drawing.lines), ("shelf", drawing.shelves)):
            _set(camera, key, _zones(camera, key, [_values(zone) for zone in zones]))
        _set(camera, "masks", [_rounded(mask) for mask in drawing.masks])
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError, TypeError) as exc:
        raise EdgekitError(f"the configuration cannot be changed here ({exc}): edit it by hand") from exc


def _zones(camera: Any, key: str, wanted: Sequence[dict[str, Any]]) -> Any:
    """Return zones in the form that the camera has them in; one that keeps its name keeps its table."""
    found = camera.get(key)
    before: dict[str, Any] = {str(zone["name"]): zone for zone in found or ()}
    if not isinstance(camera, Table) or (found is not None and not isinstance(found, AoT)):
        return list(wanted)
    tables = tomlkit.aot()
    for values in wanted:
        table = before.get(values["name"])
        if table is None:
            table = tomlkit.table()
            table.update(values)
            table.add(tomlkit.nl())
        else:
            for gone in [name for name in table if name not in values]:
                del table[gone]
            for name, value in values.items():
                _set(table, name, value)
        tables.append(table)
    return tables


def _set(container: Any, key: str, value: Any) -> None:
    """Set a value where it is another one; nothing drawn is no key."""
    if not isinstance(value, str | int | float) and not len(value):
        container.pop(key, None)
    elif key not in container or container[key] != value:
        container[key] = value


def _values(zone: Line | Shelf) -> dict[str, Any]:
    """Return a zone as it is written into the file, shares of the picture rounded."""
    values = zone.model_dump(mode="json", by_alias=True, exclude_unset=True)
    places = ("start", "end", "rectangle", "polygon")
    return {key: _rounded(value) if key in places else value for key, value in values.items() if value is not None}


def _rounded(place: Any) -> Any:
    return round(float(place), _DECIMALS) if isinstance(place, int | float) else [_rounded(part) for part in place]

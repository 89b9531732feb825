"""What `edgekit flash` brings to a box, however it gets there: one folder, listed file by file with its digest.

- `install.py` starts the installer on a box that has python3 and nothing else
- `payload.json` is the list
- `wheels/` holds the kit, all that it needs, and pip, for one architecture and one Python
- `systemd/` holds units, and drop-ins below `edgekit.service.d/`
- `site/` holds box.toml and what it names by relative paths: bundles, keys, tables; it may be missing
- `secrets/` holds credentials by name; they are not listed, since a release holds none
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError, model_validator

from devices.errors import EdgekitError
from devices.validation import explain
from edge.deploy.ledger import ReleaseId
from edge.plain_file import read_plain

LIST = "payload.json"
WHEELS, UNITS, SITE, SECRETS = "wheels", "systemd", "site", "secrets"
INSTALL = "install.py"
_MOST_LIST_BYTES = 4 << 20
_CHUNK = 1 << 20

Architecture = Literal["x86_64", "aarch64"]
PythonVersion = Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$", description="like 3.11")]
Glibc = Annotated[str, Field(pattern=r"^2\.[0-9]{1,3}$", description="like 2.28")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
WheelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+!-]+\.whl$", description="a wheel's file name")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Target(_Part):
    """What a box must be for a payload to run on it."""

    architecture: Architecture
    python: PythonVersion
    least_glibc: Glibc = Field(description="that the wheels are built against")


class PayloadFile(_Part):
    """One file of a payload."""

    path: str = Field(pattern=r"^(install\.py|(wheels|systemd|site)/[^\x00-\x1f\\]+)$", max_length=1000)
    size: NonNegativeInt
    sha256: Digest

    @model_validator(mode="after")
    def _stays_inside(self) -> "PayloadFile":
        if PurePosixPath(self.path).as_posix() != self.path or ".." in PurePosixPath(self.path).parts:
            raise ValueError(f"{self.path} leads out of the payload")
        return self


class PayloadList(_Part):
    """The content of payload.json."""

    schema_id: Literal["edgekit.payload/1"] = Field(default="edgekit.payload/1", alias="schema")
    release: ReleaseId
    counter: PositiveInt = Field(description="seconds since 1970 at which it was made, unless told")
    target: Target
    pip: WheelName
    wheels: tuple[WheelName, ...] = Field(min_length=1, description="what is installed; pip itself is not")
    files: tuple[PayloadFile, ...]


class Payload:
    """A payload on disk whose every listed file was found to be as listed.

    Args:
        folder: The payload.
        listed: What it says of itself.
    """

    def __init__(self, folder: Path, listed: PayloadList) -> None:
        self.folder = folder
        self.listed = listed

    @property
    def has_site(self) -> bool:
        """Whether it brings a configuration; without, a box keeps the one that it has."""
        return any(file.path == f"{SITE}/box.toml" for file in self.listed.files)

    def below(self, part: str) -> Iterator[tuple[Path, PurePosixPath]]:
        """Yield the listed files of one part: where each lies, and its path below that part."""
        for file in self.listed.files:
            path = PurePosixPath(file.path)
            if path.parts[0] == part:
                yield self.folder / path, path.relative_to(part)


def open_payload(folder: Path) -> Payload:
    """Open a payload and compare every listed file with its digest; whatever is not listed is never used.

    Raises:
        EdgekitError: It is no payload, or a file is missing, changed, or no plain file.
    """
    path = folder / LIST
    try:
        listed = PayloadList.model_validate_json(read_plain(path, _MOST_LIST_BYTES))
    except OSError as exc:
        raise EdgekitError(f"{folder} is no payload: cannot read {path.name} ({exc.strerror})") from exc
    except ValidationError as exc:
        raise EdgekitError(f"{path} is no payload's list ({explain(exc, PayloadList)}): carry it over again") from exc
    for file in listed.files:
        if measured(folder / file.path) != (file.size, file.sha256):
            raise EdgekitError(f"{folder / file.path} is not what was packed: carry the payload over again")
    present = {file.path for file in listed.files}
    for name in (listed.pip, *listed.wheels):
        if f"{WHEELS}/{name}" not in present:
            raise EdgekitError(f"{path} names {name}, which is not among its files: build the payload anew")
    return Payload(folder, listed)


def measured(path: Path) -> tuple[int, str]:
    """Return size and SHA-256 of a plain file.

    Raises:
        EdgekitError: It is no plain file, or cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        if path.is_symlink() or not path.is_file():
            raise EdgekitError(f"{path} is missing, or no plain file: carry the payload over again")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as exc:
        raise EdgekitError(f"cannot read {path}: {exc.strerror}") from exc
    return size, digest.hexdigest()

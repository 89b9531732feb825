"""Packs a payload: a folder of which every file stands in its list, ready to be installed from or sent."""

import shutil
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from devices.errors import EdgekitError
from edge.deploy import bootstrap
from edge.deploy.payload import INSTALL, LIST, SECRETS, PayloadFile, PayloadList, Target, measured

_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """Wheels for one target: all that is installed, and pip.

    Attributes:
        target: What they run on.
        pip: File name of pip's own wheel.
        wheels: File names of all others.
    """

    target: Target
    pip: str
    wheels: tuple[str, ...]


def finish(folder: Path, house: Wheelhouse, version: str, counter: int | None = None) -> PayloadList:
    """Put the installer into a payload's folder and list all that lies there; secrets are not listed.

    Args:
        folder: With wheels/, systemd/ and maybe site/.
        house: The wheels in it.
        version: Of the kit, for the release's name.
        counter: Of the release; the time where none is told.

    Returns:
        The list, as written. The release's name holds a digest of all content: the same content is the same release.

    Raises:
        EdgekitError: Something in it is no plain file.
    """
    shutil.copyfile(bootstrap.__file__, folder / INSTALL)
    files: list[PayloadFile] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise EdgekitError(f"{path} is a link or a device: a payload holds plain files only")
        if path.is_file() and name != LIST and not name.startswith(f"{SECRETS}/"):
            size, digest = measured(path)
            files.append(PayloadFile(path=name, size=size, sha256=digest))
    content = sha256("\n".join(f"{file.path} {file.sha256}" for file in files).encode()).hexdigest()
    listed = PayloadList(
        release=f"{version}-{content[:_DIGITS]}",
        counter=counter or int(time.time()),
        target=house.target,
        pip=house.pip,
        wheels=house.wheels,
        files=tuple(files),
    )
    (folder / LIST).write_text(listed.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
    return listed

"""A payload as a tar whose bytes follow from its content alone, readable by its owner only."""

import tarfile
from pathlib import Path
from typing import IO

_FOLDER, _FILE = 0o755, 0o644


def write_tar(folder: Path, out: IO[bytes], *, prefix: str = "", moment: int = 0) -> None:
    """Write all files and folders below a folder.

    Args:
        folder: What is written; holds plain files and folders only.
        out: Where to.
        prefix: What stands before each path, ending with /.
        moment: Seconds since 1970 that every member is said to be from.
    """
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        parents = Path(prefix).parts
        for depth in range(len(parents)):
            tar.addfile(_member("/".join(("./", *parents[: depth + 1])).replace("//", "/"), moment, is_folder=True))
        for path in sorted(folder.rglob("*")):
            name = f"./{prefix}{path.relative_to(folder).as_posix()}"
            if path.is_dir():
                tar.addfile(_member(name, moment, is_folder=True))
                continue
            member = _member(name, moment, is_folder=False)
            member.size = path.stat().st_size
            with path.open("rb") as file:
                tar.addfile(member, file)


def _member(name: str, moment: int, *, is_folder: bool) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE if is_folder else tarfile.REGTYPE
    member.mode = _FOLDER if is_folder else _FILE
    member.uname = member.gname = "root"
    member.mtime = moment
    return member

"""Sets as one file for transport, sealed to who is to open it; unpacked whole or not at all."""

import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from devices.errors import EdgekitError
from edge.passphrases import MAGIC as PASSPHRASE_MAGIC
from edge.passphrases import Passphrase, read_head, write_head
from edge.sealing import MAGIC, OpeningReader, SealingWriter
from train.locks import LOCK, files_of

_MOST_FILES = 5_000_000
_BLOCK = 1 << 20


def pack_set(
    folder: Path,
    out: Path,
    recipient: X25519PublicKey | Passphrase | None,
    advance: Callable[[], None] = lambda: None,
) -> int:
    """Write a set, its lock included, into one file; return how many files it holds.

    Args:
        folder: The set.
        out: The new file; must not exist. The same set gives the same bytes where it is not sealed.
        recipient: Who can open it, by a key or a passphrase; None leaves it readable for everybody.
        advance: Called after each file.

    Raises:
        EdgekitError: The set cannot be read, or `out` exists or cannot be written.
    """
    files = files_of(folder)
    files += [folder / LOCK] if (folder / LOCK).is_file() else []
    if not files:
        raise EdgekitError(f"{folder} holds no file: name the folder of a set")
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another name")
    partial = out.with_name(f".{out.name}.partial")
    try:
        with partial.open("wb") as target:
            key = write_head(target, recipient) if isinstance(recipient, Passphrase) else recipient
            writer = SealingWriter(target, key) if key is not None else None
            with tarfile.open(fileobj=cast("IO[bytes]", writer or target), mode="w|", format=tarfile.PAX_FORMAT) as tar:
                for path in files:
                    _add(tar, path, path.relative_to(folder).as_posix())
                    advance()
            if writer is not None:
                writer.close()
            target.flush()
            os.fsync(target.fileno())
        partial.replace(out)
    except OSError as exc:
        raise EdgekitError(f"cannot pack {folder} into {out}: {exc.strerror or exc}") from exc
    finally:
        partial.unlink(missing_ok=True)
    return len(files)


def unpack_set(pack: Path, out: Path, opener: X25519PrivateKey | Passphrase | None) -> int:
    """Write the set that a pack holds into a new folder; return how many files it has.

    Args:
        pack: What `pack_set` wrote.
        out: The new folder; must not exist, and does not where the pack cannot be used.
        opener: The private key or the passphrase, for a sealed pack.

    Raises:
        EdgekitError: The pack cannot be read, is sealed to another key, was changed or cut off, or holds anything but
            plain files below its own folder.
    """
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with pack.open("rb") as file:
            reader = _reader(file, pack, opener)
            count = _extract(cast("BinaryIO", reader or file), partial)
            if reader is not None:
                reader.finish()  # what was cut off behind the last file shows here
        partial.rename(out)
    except tarfile.TarError as exc:
        raise EdgekitError(f"{pack} is no pack of a set: {exc}") from exc
    except OSError as exc:
        raise EdgekitError(f"cannot unpack {pack} into {out}: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return count


def _reader(file: BinaryIO, pack: Path, opener: X25519PrivateKey | Passphrase | None) -> OpeningReader | None:
    """Return what opens a sealed pack; None for one that is not sealed.

    Raises:
        EdgekitError: What was given to open it is not what it needs.
    """
    begin = file.read(max(len(MAGIC), len(PASSPHRASE_MAGIC)))
    file.seek(0)
    by_passphrase = begin.startswith(PASSPHRASE_MAGIC)
    sealed = by_passphrase or begin.startswith(MAGIC)
    if not sealed and opener is not None:
        raise EdgekitError(f"{pack} is not sealed, though a key was given: somebody may have put it there instead")
    if not sealed:
        return None
    if opener is None:
        remedy = "the passphrase's file with --passphrase-file" if by_passphrase else "the private key with --key"
        raise EdgekitError(f"{pack} is sealed: name {remedy}")
    if by_passphrase != isinstance(opener, Passphrase):
        raise EdgekitError(f"{pack} is sealed {'by a passphrase, not' if by_passphrase else 'to'} a key")
    return OpeningReader(file, read_head(file, opener) if isinstance(opener, Passphrase) else opener)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """Add a file with nothing of this machine in it: no owner, no time, no rights."""
    member = tarfile.TarInfo(name)
    member.size = path.stat().st_size
    member.mode = 0o644
    with path.open("rb") as file:
        tar.addfile(member, file)


def _extract(file: BinaryIO, folder: Path) -> int:
    folder.mkdir(parents=True)
    seen: set[str] = set()
    with tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            name = _safe_name(member, seen)
            seen.add(name)
            content = tar.extractfile(member)
            if content is None:
                raise EdgekitError(f"the pack's {name!r} has no content")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as written:
                while block := content.read(_BLOCK):
                    written.write(block)
    if not seen:
        raise EdgekitError("the pack holds no file")
    return len(seen)


def _safe_name(member: tarfile.TarInfo, seen: set[str]) -> str:
    """Return where a member may be written.

    Raises:
        EdgekitError: It is no plain file, lies outside its folder, or comes twice.
    """
    path = PurePosixPath(member.name)
    if not member.isreg() or member.issparse():
        raise EdgekitError(f"the pack's {member.name!r} is no plain file: nothing is unpacked")
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in member.name or "\0" in member.name:
        raise EdgekitError(f"the pack's {member.name!r} lies outside its folder: nothing is unpacked")
    if path.as_posix() in seen or len(seen) >= _MOST_FILES:
        raise EdgekitError(f"the pack's {member.name!r} comes twice, or there are too many files: nothing is unpacked")
    return path.as_posix()

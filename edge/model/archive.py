"""A bundle as one file (.ekb): a tar of which every byte follows from the manifest, so that nothing can hide in it.

The writer leaves nothing open: order, headers and padding are fixed. So the reader needs to understand no tar at all:
it computes what has to come next from the signed manifest and refuses the first byte that is anything else. Links,
devices, doubled names, paths that lead out, bombs and hidden bytes all fail that one comparison.
"""

import hashlib
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from devices.errors import EdgekitError
from edge.durable import sync_folder, sync_tree, whole_file
from edge.model.bundle import (
    MANIFEST,
    MOST_MANIFEST_BYTES,
    SIGNATURE,
    Bundle,
    SomeManifest,
    open_any_bundle,
    signed_manifest,
)
from edge.model.manifest import BundleManifest, FileEntry
from edge.plain_file import open_plain

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_SIZE_FIELD = slice(124, 136)  # ustar: eleven octal digits and a NUL
_CHUNK = 1 << 20


def pack(directory: Path, archive: Path, trusted_keys: Sequence[Path]) -> Bundle[SomeManifest]:
    """Write a bundle as one file; the same bundle always gives the same bytes.

    Args:
        directory: The bundle's folder; it is checked first.
        archive: The new file; it appears whole or not at all.
        trusted_keys: Public keys of which one must have signed it.

    Raises:
        EdgekitError: The bundle is not what was signed, `archive` exists or cannot be written.
    """
    bundle = open_any_bundle(directory, trusted_keys)
    if archive.exists():
        raise EdgekitError(f"{archive} exists: remove it or choose another name")
    try:
        with whole_file(archive) as file:
            for name in (MANIFEST, SIGNATURE):
                _write(file, name, (directory / name).read_bytes())
            for entry in _in_order(bundle.manifest):
                _write(file, entry.path, bundle.read(entry.path))
            file.write(_END)
    except OSError as exc:
        raise EdgekitError(f"cannot write {archive}: {exc.strerror}") from exc
    return bundle


def unpack(archive: Path, directory: Path, trusted_keys: Sequence[Path]) -> Bundle[SomeManifest]:
    """Read a bundle from one file into a new folder, which appears whole and on disk, or not at all.

    Args:
        archive: The .ekb file.
        directory: The new folder.
        trusted_keys: Public keys of which one must have signed it.

    Raises:
        EdgekitError: A byte is not what the builder would have written, or the folder exists or cannot be written.
    """
    if directory.exists():
        raise EdgekitError(f"{directory} exists: remove it or choose another folder")
    partial = directory.with_name(directory.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        manifest, digest = _read(archive, trusted_keys, partial)
        partial.rename(directory)
        sync_folder(directory.parent)
    except OSError as exc:
        raise EdgekitError(f"cannot write {directory}: {exc.strerror}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Bundle(directory, manifest, digest)


def verify(archive: Path, trusted_keys: Sequence[Path]) -> Bundle[SomeManifest]:
    """Read a bundle's file to its last byte without writing anything; what is returned has no folder to read from.

    Raises:
        EdgekitError: As `unpack`.
    """
    manifest, digest = _read(archive, trusted_keys, None)
    return Bundle(archive, manifest, digest)


def _in_order(manifest: BundleManifest) -> list[FileEntry]:
    return sorted(manifest.files, key=lambda entry: entry.path)


def _header(name: str, size: int) -> bytes:
    """Return the one header that this kit writes for a file.

    Raises:
        EdgekitError: The name is too long for it.
    """
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    try:
        return member.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
    except ValueError as exc:
        raise EdgekitError(f"the name {name} does not fit into a bundle's file: give it at most 100 letters") from exc


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _write(file: BinaryIO, name: str, content: bytes) -> None:
    file.write(_header(name, len(content)))
    file.write(content)
    file.write(_padding(len(content)))


def _read(archive: Path, trusted_keys: Sequence[Path], out: Path | None) -> tuple[SomeManifest, str]:
    """Read an archive to its last byte; write its files below `out`, if that is given.

    Returns:
        The manifest, and its digest.

    Raises:
        EdgekitError: The archive cannot be read, or a byte is not what it must be.
        OSError: A file cannot be written.
    """
    with _open(archive) as file:
        tape = _Tape(file, archive)
        manifest_bytes = tape.small(MANIFEST)
        signature = tape.small(SIGNATURE)
        manifest = signed_manifest(manifest_bytes, signature, trusted_keys, archive)
        if out is not None:
            out.mkdir(parents=True)
            _put(out / MANIFEST, [manifest_bytes])
            _put(out / SIGNATURE, [signature])
        for entry in _in_order(manifest):
            tape.expect(_header(entry.path, entry.size))
            if out is None:
                for _ in tape.content(entry):
                    pass
            else:
                _put(out / entry.path, tape.content(entry))
            tape.expect(_padding(entry.size))
        tape.expect(_END)
        tape.end()
    if out is not None:
        sync_tree(out)
    return manifest, hashlib.sha256(manifest_bytes).hexdigest()


def _open(archive: Path) -> BinaryIO:
    try:
        return open_plain(archive)
    except OSError as exc:
        raise EdgekitError(f"cannot read {archive}: {exc.strerror}") from exc


def _put(path: Path, chunks: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)


class _Tape:
    """Reads an archive forwards and refuses what is not expected."""

    def __init__(self, file: BinaryIO, archive: Path) -> None:
        self._file = file
        self._archive = archive

    def expect(self, wanted: bytes) -> None:
        """Read as many bytes as are wanted, and refuse any others.

        Raises:
            EdgekitError: Other bytes stand there, or none.
        """
        if self._take(len(wanted)) != wanted:
            raise self._fault("holds bytes that its builder would not have written")

    def small(self, name: str) -> bytes:
        """Read a file whose size only its header tells: the manifest or its signature.

        Raises:
            EdgekitError: It is not there, or larger than such a file can be.
        """
        header = self._take(_BLOCK)
        digits = header[_SIZE_FIELD][:-1]
        size = int(digits, 8) if digits.isdigit() and digits.isascii() and not set(digits) & set(b"89") else -1
        if not 0 <= size <= MOST_MANIFEST_BYTES or header != _header(name, size):
            raise self._fault(f"is no bundle: {name} does not stand where it must")
        content = self._take(size)
        self.expect(_padding(size))
        return content

    def content(self, entry: FileEntry) -> Iterator[bytes]:
        """Read a listed file in pieces, and refuse it at its end where it is not what was signed.

        Raises:
            EdgekitError: Its digest is another one.
        """
        digest = hashlib.sha256()
        left = entry.size
        while left:
            chunk = self._take(min(left, _CHUNK))
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        if digest.hexdigest() != entry.sha256:
            raise self._fault(f"holds a {entry.path} that was changed after signing")

    def end(self) -> None:
        """Refuse whatever comes after the end.

        Raises:
            EdgekitError: Something does.
        """
        if self._file.read(1):
            raise self._fault("goes on after its end")

    def _take(self, size: int) -> bytes:
        try:
            content = self._file.read(size)
        except OSError as exc:
            raise EdgekitError(f"cannot read {self._archive}: {exc.strerror}") from exc
        if len(content or b"") != size:  # None: a pipe that has nothing to say yet
            raise self._fault("breaks off")
        return content

    def _fault(self, what: str) -> EdgekitError:
        return EdgekitError(
            f"{self._archive} {what}: copy the bundle again, or pack it anew with `edgekit bundle pack`"
        )

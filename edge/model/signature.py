"""Ed25519 signatures: who built a bundle, checked before a byte of it is believed."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from devices.errors import EdgekitError
from edge.durable import write_whole
from edge.key_files import read_key, write_pair
from edge.printable import printable

REVOKED = "revoked"
_KEY_ID = re.compile(r"[0-9a-f]{16}")


def create_key(private: Path, public: Path) -> str:
    """Write a new key pair and return the key's id.

    Raises:
        EdgekitError: A file exists already or cannot be written; no key is ever overwritten.
    """
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_pair(private, public, secret, shown)
    return key_id(key.public_key())


def load_private(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        EdgekitError: The file is missing or holds no Ed25519 private key.
    """
    try:
        key = serialization.load_pem_private_key(read_key(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise EdgekitError(f"{path} holds no private key: make one with `edgekit bundle keygen`") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise EdgekitError(f"{path} holds a key of another kind than Ed25519: make one with `edgekit bundle keygen`")
    return key


def load_public(path: Path) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        EdgekitError: The file is missing or holds no Ed25519 public key.
    """
    try:
        key = serialization.load_pem_public_key(read_key(path))
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise EdgekitError(f"{path} holds no public key in PEM form") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise EdgekitError(f"{path} holds a key of another kind than Ed25519")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """Return the first 16 hex digits of sha256 over the raw public key."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """Who may have signed a bundle.

    Attributes:
        keys: By their ids; those that were revoked are not among them.
        revoked: Those that were revoked, by their ids.
    """

    keys: Mapping[str, Ed25519PublicKey]
    revoked: Mapping[str, Ed25519PublicKey]

    def signer(self, content: bytes, signature: bytes) -> str | None:
        """Return the id of the trusted key that made a signature over exactly this content, None where none did."""
        return _signer(self.keys, content, signature)

    def revoked_signer(self, content: bytes, signature: bytes) -> str | None:
        """Return the id of the revoked key that made it, None where none did."""
        return _signer(self.revoked, content, signature)


def load_trusted(paths: Sequence[Path]) -> TrustedKeys:
    """Read the keys that are trusted: files, and folders of them with a list of ids that are trusted no more.

    An id that any folder's `revoked` lists is revoked wherever its key stands.

    Raises:
        EdgekitError: A file is missing, holds no such key, or a list cannot be understood: a revocation that was passed
            over would trust a stolen key.
    """
    files: list[Path] = []
    revoked: set[str] = set()
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.iterdir() if file.suffix in (".pem", ".pub"))
            revoked |= _revoked_ids(path / REVOKED)
        else:
            files.append(path)
    keys = {key_id(key): key for key in map(load_public, files)}
    return TrustedKeys(
        {id_: key for id_, key in keys.items() if id_ not in revoked},
        {id_: key for id_, key in keys.items() if id_ in revoked},
    )


def revoke(folder: Path, key: Path, why: str) -> str:
    """Write into a folder of keys that one of them is trusted no more, and return its id.

    Raises:
        EdgekitError: The key cannot be read, or the list not be read or written; nothing has changed then.
    """
    id_ = key_id(load_public(key))
    path = folder / REVOKED
    ids = _revoked_ids(path)
    if id_ in ids:
        return id_
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        write_whole(path, f"{before}{id_} # {' '.join(printable(why).split())}\n".encode())
    except OSError as exc:
        raise EdgekitError(f"cannot write {path}: {exc.strerror}") from exc
    return id_


def _revoked_ids(path: Path) -> set[str]:
    if not path.exists():
        return set()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise EdgekitError(
            f"the list of revoked keys {path} cannot be read ({exc}): no key is trusted without it"
        ) from exc
    ids = {line.partition("#")[0].strip() for line in lines} - {""}
    for id_ in ids:
        if not _KEY_ID.fullmatch(id_):
            raise EdgekitError(
                f"{path} lists {printable(id_)!r}, which is no key's id: write the 16 hex digits that "
                "`edgekit bundle keygen` told, one key a line"
            )
    return ids


def _signer(keys: Mapping[str, Ed25519PublicKey], content: bytes, signature: bytes) -> str | None:
    for id_, key in keys.items():
        try:
            key.verify(signature, content)
        except InvalidSignature:
            continue
        return id_
    return None

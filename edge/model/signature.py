"""Ed25519 signatures: who built a bundle, checked before a byte of it is believed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from devices.errors import EdgekitError
from edge.key_files import read_key, write_pair


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


def signed_by_one_of(content: bytes, signature: bytes, keys: Sequence[Ed25519PublicKey]) -> bool:
    """Whether one of the keys made the signature over exactly this content."""
    for key in keys:
        try:
            key.verify(signature, content)
        except InvalidSignature:
            continue
        return True
    return False

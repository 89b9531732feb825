"""Streams that a passphrase opens, where nobody has keys to exchange.

The passphrase, stretched by scrypt with a salt, is the X25519 private key to which an ordinary sealed stream
(`edge/sealing.py`) is sealed. In front of that stream stand `MAGIC`, the cost of the stretching (log2 of scrypt's n,
one byte) and the salt. Who changes these gets another key, which opens nothing.

Source: RFC 7914 (scrypt).
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from devices.errors import EdgekitError
from edge.key_files import read_key

MAGIC = b"edgekit-passphrase/1\n"
COST = 17  # log2 of n: 128 MiB and half a second for each guess
_LEAST_COST, _MOST_COST = 14, 20  # a stream from a stranger takes 1 GiB at most
_SALT_BYTES = 16
_KEY_BYTES = 32
_LEAST_BYTES, _MOST_BYTES = 12, 4096


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A secret that both ends know; it never shows in a message."""

    secret: bytes = field(repr=False)


def load_passphrase(path: Path) -> Passphrase:
    """Read a passphrase from a file; the line's end is not part of it.

    Raises:
        EdgekitError: The file cannot be read, or holds less than 12 bytes or more than 4096.
    """
    secret = read_key(path).rstrip(b"\r\n")
    if not _LEAST_BYTES <= len(secret) <= _MOST_BYTES:
        raise EdgekitError(f"{path} holds no passphrase of {_LEAST_BYTES} to {_MOST_BYTES} bytes: choose a longer one")
    return Passphrase(secret)


def write_head(file: BinaryIO, passphrase: Passphrase, cost: int = COST) -> X25519PublicKey:
    """Write what comes before the sealed stream, and return the key to seal it to."""
    salt = os.urandom(_SALT_BYTES)
    file.write(MAGIC + bytes([cost]) + salt)
    return _stretched(passphrase, cost, salt).public_key()


def read_head(file: BinaryIO, passphrase: Passphrase) -> X25519PrivateKey:
    """Read what comes before the sealed stream, and return the key that opens it.

    Raises:
        EdgekitError: It is no such stream, or its cost is beyond what is accepted.
    """
    head = file.read(len(MAGIC) + 1 + _SALT_BYTES)
    if not head.startswith(MAGIC) or len(head) != len(MAGIC) + 1 + _SALT_BYTES:
        raise EdgekitError("this is no stream that a passphrase opens")
    cost = head[len(MAGIC)]
    if not _LEAST_COST <= cost <= _MOST_COST:
        raise EdgekitError(f"the stream asks for a cost of 2^{cost}: {_LEAST_COST} to {_MOST_COST} are accepted")
    return _stretched(passphrase, cost, head[-_SALT_BYTES:])


def _stretched(passphrase: Passphrase, cost: int, salt: bytes) -> X25519PrivateKey:
    derived = Scrypt(salt=salt, length=_KEY_BYTES, n=2**cost, r=8, p=1).derive(passphrase.secret)
    return X25519PrivateKey.from_private_bytes(derived)

"""Sealed streams: anybody with the public key can seal, only the private key's owner can open, and every change shows.

A stream is `MAGIC`, the sealer's one-time X25519 public key, then chunks of at most 64 KiB, each encrypted by
ChaCha20-Poly1305 under a number that counts up and says which chunk is the last. So a chunk that is changed, moved,
doubled, cut off or added is refused.

Source: RFC 7748 (X25519), RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305); the chunks follow the STREAM construction of
Hoang, Reyhanitabar, Rogaway and Vizár, 2015.
"""

from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from devices.errors import EdgekitError
from edge.key_files import read_key, write_pair

MAGIC = b"edgekit-sealed/1\n"
CHUNK_BYTES = 65536
_KEY_BYTES = 32
_TAG_BYTES = 16
_COUNTER_BYTES = 11


def create_sealing_key(private: Path, public: Path) -> None:
    """Write a new key pair: the public one seals, the private one opens.

    Raises:
        EdgekitError: A file exists already or cannot be written; no key is ever overwritten.
    """
    key = X25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_pair(private, public, secret, shown)


def load_recipient(path: Path) -> X25519PublicKey:
    """Read the public key of who is to open a stream.

    Raises:
        EdgekitError: The file is missing or holds no X25519 public key.
    """
    try:
        key = serialization.load_pem_public_key(read_key(path))
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise EdgekitError(f"{path} holds no public key in PEM form") from exc
    if not isinstance(key, X25519PublicKey):
        raise EdgekitError(f"{path} holds a key of another kind than X25519: make one with `edgekit data keygen`")
    return key


def load_opener(path: Path) -> X25519PrivateKey:
    """Read the private key that opens streams.

    Raises:
        EdgekitError: The file is missing or holds no X25519 private key.
    """
    try:
        key = serialization.load_pem_private_key(read_key(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise EdgekitError(f"{path} holds no private key: make one with `edgekit data keygen`") from exc
    if not isinstance(key, X25519PrivateKey):
        raise EdgekitError(f"{path} holds a key of another kind than X25519: make one with `edgekit data keygen`")
    return key


class SealingWriter:
    """Seals what is written to it. Only `close` without a fault before it makes the stream whole.

    Args:
        file: Where the sealed stream goes.
        recipient: Who can open it.
    """

    def __init__(self, file: BinaryIO, recipient: X25519PublicKey) -> None:
        once = X25519PrivateKey.generate()
        own = _raw(once.public_key())
        self._cipher = _cipher(once.exchange(recipient), own, _raw(recipient))
        self._file = file
        self._waiting = bytearray()
        self._count = 0
        file.write(MAGIC + own)

    def write(self, content: bytes) -> int:
        """Seal some bytes."""
        self._waiting += content
        while len(self._waiting) > CHUNK_BYTES:  # the last chunk is known by nothing following it
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]
        return len(content)

    def close(self) -> None:
        """Seal what is left as the last chunk."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._count, last=last), chunk, None))
        self._count += 1


class OpeningReader:
    """Opens a sealed stream; not a byte of a chunk is given out before it was found unchanged.

    Args:
        file: Holds the sealed stream.
        opener: The private key.

    Raises:
        EdgekitError: It is no sealed stream.
    """

    def __init__(self, file: BinaryIO, opener: X25519PrivateKey) -> None:
        head = file.read(len(MAGIC) + _KEY_BYTES)
        if not head.startswith(MAGIC) or len(head) != len(MAGIC) + _KEY_BYTES:
            raise EdgekitError("this is no sealed stream of edgekit")
        theirs = head[len(MAGIC) :]
        try:
            shared = opener.exchange(X25519PublicKey.from_public_bytes(theirs))
        except ValueError:
            raise EdgekitError("the sealed stream begins with an impossible key: it was changed") from None
        self._cipher = _cipher(shared, theirs, _raw(opener.public_key()))
        self._file = file
        self._next = file.read(CHUNK_BYTES + _TAG_BYTES)
        self._opened = bytearray()
        self._count = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return up to so many bytes, fewer only at the end.

        Raises:
            EdgekitError: The stream was changed, cut off, or is for another key.
        """
        while len(self._opened) < size and not self._ended:
            self._open_chunk()
        content = bytes(self._opened[:size])
        del self._opened[:size]
        return content

    def finish(self) -> None:
        """Read on to the end, so that a stream that was cut off shows even when its end is not needed.

        Raises:
            EdgekitError: The stream was changed or cut off.
        """
        while not self._ended:
            self._open_chunk()
        self._opened.clear()

    def _open_chunk(self) -> None:
        chunk, self._next = self._next, self._file.read(CHUNK_BYTES + _TAG_BYTES)
        self._ended = not self._next
        try:
            self._opened += self._cipher.decrypt(_nonce(self._count, last=self._ended), chunk, None)
        except (InvalidTag, ValueError):
            self._ended = True
            raise EdgekitError("the sealed stream is for another key, or was changed or cut off") from None
        self._count += 1


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(_COUNTER_BYTES, "big") + bytes([last])


def _raw(key: X25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _cipher(shared: bytes, once: bytes, recipient: bytes) -> ChaCha20Poly1305:
    derived = HKDF(hashes.SHA256(), _KEY_BYTES, salt=once + recipient, info=MAGIC).derive(shared)
    return ChaCha20Poly1305(derived)

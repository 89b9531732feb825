"""A sealed stream opens to what was sealed, for its recipient alone, and shows every change."""

import io
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.errors import EdgekitError
from edge.model.signature import create_key
from edge.sealing import (
    CHUNK_BYTES,
    MAGIC,
    OpeningReader,
    SealingWriter,
    create_sealing_key,
    load_opener,
    load_recipient,
)

KEY = X25519PrivateKey.generate()


def sealed(content: bytes, pieces: int = 1) -> bytes:
    out = io.BytesIO()
    writer = SealingWriter(out, KEY.public_key())
    step = max(1, -(-len(content) // pieces))
    for start in range(0, len(content), step):
        writer.write(content[start : start + step])
    writer.close()
    return out.getvalue()


def opened(stream: bytes, key: X25519PrivateKey = KEY) -> bytes:
    reader = OpeningReader(io.BytesIO(stream), key)
    content = b""
    while block := reader.read(10_000):
        content += block
    reader.finish()
    return content


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]),
    st.integers(1, 9),
)
def test_what_was_sealed_is_opened_whatever_the_sizes(size: int, pieces: int):
    content = bytes(index % 251 for index in range(size))
    assert opened(sealed(content, pieces)) == content


def test_every_changed_byte_of_a_small_stream_is_refused():
    stream = sealed(b"forty cartons and a code")
    for place in range(len(stream)):
        changed = bytearray(stream)
        changed[place] ^= 1
        if place == len(MAGIC) + 31:
            changed[place] ^= 1  # X25519 ignores the highest bit; flip a lower one
            changed[place] ^= 2
        with pytest.raises(EdgekitError):
            opened(bytes(changed))


def test_a_stream_cut_off_anywhere_is_refused():
    stream = sealed(b"x" * (2 * CHUNK_BYTES + 100))
    chunk = CHUNK_BYTES + 16
    head = len(MAGIC) + 32
    for length in (0, 5, head, head + 10, head + chunk, head + 2 * chunk, len(stream) - 1):
        with pytest.raises(EdgekitError):
            opened(stream[:length])


def test_chunks_that_are_swapped_doubled_or_added_are_refused():
    stream = sealed(b"x" * (3 * CHUNK_BYTES))
    head, chunk = len(MAGIC) + 32, CHUNK_BYTES + 16
    first, second = stream[head : head + chunk], stream[head + chunk : head + 2 * chunk]
    for changed in (
        stream[:head] + second + first + stream[head + 2 * chunk :],
        stream[:head] + first + stream[head:],
        stream + b"more",
        stream + first,
    ):
        with pytest.raises(EdgekitError, match="changed or cut off"):
            opened(changed)


def test_another_key_opens_nothing():
    with pytest.raises(EdgekitError, match="for another key"):
        opened(sealed(b"secret"), X25519PrivateKey.generate())


def test_the_same_content_never_seals_to_the_same_bytes_and_shows_nowhere():
    content = b"a text that must not show" * 4
    assert sealed(content) != sealed(content)
    assert content[:20] not in sealed(content)


def test_keys_come_as_a_pair_and_none_is_overwritten(tmp_path: Path):
    private, public = tmp_path / "w.key", tmp_path / "w.pub"
    create_sealing_key(private, public)
    assert private.stat().st_mode & 0o777 == 0o600
    out = io.BytesIO()
    writer = SealingWriter(out, load_recipient(public))
    writer.write(b"hello")
    writer.close()
    assert opened(out.getvalue(), load_opener(private)) == b"hello"
    with pytest.raises(EdgekitError, match="cannot write the key"):
        create_sealing_key(private, tmp_path / "other.pub")
    assert not (tmp_path / "other.pub").exists()


def test_a_key_of_another_kind_is_told_from_one_to_seal_with(tmp_path: Path):
    create_key(tmp_path / "sign.key", tmp_path / "sign.pub")
    with pytest.raises(EdgekitError, match="another kind than X25519"):
        load_recipient(tmp_path / "sign.pub")
    with pytest.raises(EdgekitError, match="another kind than X25519"):
        load_opener(tmp_path / "sign.key")

"""Several keys, their rotation and revocation: a key that is trusted no more opens nothing, wherever it stands."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devices.errors import EdgekitError
from edge.model.archive import pack, unpack, verify
from edge.model.assemble import sign
from edge.model.bundle import open_bundle
from edge.model.signature import REVOKED, create_key, key_id, load_private, load_public, load_trusted, revoke


@dataclass(frozen=True)
class Rotation:
    """A folder with an old key and a new one, and a bundle signed by each."""

    keys: Path
    old: Path
    new: Path


@pytest.fixture
def rotation(make_bundle: Callable[..., Any], tmp_path: Path) -> Rotation:
    made = make_bundle()
    keys = tmp_path / "keys"
    keys.mkdir()
    shutil.copy(made.public, keys / "2025.pub")
    create_key(tmp_path / "2026.key", keys / "2026.pub")
    sign(made.folder, load_private(tmp_path / "2026.key"), [made.public], tmp_path / "anew")
    return Rotation(keys, made.folder, tmp_path / "anew")


def test_while_keys_are_rotated_both_are_trusted(rotation: Rotation) -> None:
    for bundle in (rotation.old, rotation.new):
        assert open_bundle(bundle, [rotation.keys]).manifest.name == "brightness"
        assert open_bundle(bundle, [rotation.keys / "2025.pub", rotation.keys / "2026.pub"])


def test_a_key_that_is_taken_out_of_the_folder_is_unknown(rotation: Rotation) -> None:
    (rotation.keys / "2025.pub").unlink()
    assert open_bundle(rotation.new, [rotation.keys])
    with pytest.raises(EdgekitError, match="is not signed by keys"):
        open_bundle(rotation.old, [rotation.keys])


def test_what_a_revoked_key_signed_is_refused_and_nothing_is_written(rotation: Rotation, tmp_path: Path) -> None:
    pack(rotation.old, tmp_path / "old.ekb", [rotation.keys])
    old_key = rotation.keys / "2025.pub"
    id_ = revoke(rotation.keys, old_key, "the laptop\nwas stolen")
    assert id_ == key_id(load_public(old_key))
    before = set(tmp_path.iterdir())
    for trusted in ([rotation.keys], [old_key, rotation.keys], [rotation.keys, tmp_path / "key.pub"]):
        with pytest.raises(EdgekitError, match=f"signed by key {id_}, which was revoked"):
            open_bundle(rotation.old, trusted)
        with pytest.raises(EdgekitError, match="which was revoked"):
            unpack(tmp_path / "old.ekb", tmp_path / "back", trusted)
        with pytest.raises(EdgekitError, match="which was revoked"):
            verify(tmp_path / "old.ekb", trusted)
    assert set(tmp_path.iterdir()) == before
    assert open_bundle(rotation.new, [rotation.keys])


def test_revoking_twice_lists_a_key_once_and_others_stay_revoked(rotation: Rotation) -> None:
    (rotation.keys / REVOKED).write_text("0123456789abcdef # long ago, its file is gone")
    for _ in range(2):
        revoke(rotation.keys, rotation.keys / "2025.pub", "stolen")
    lines = (rotation.keys / REVOKED).read_text().splitlines()
    assert [line.partition(" ")[0] for line in lines] == [
        "0123456789abcdef",
        key_id(load_public(rotation.keys / "2025.pub")),
    ]
    trusted = load_trusted([rotation.keys])
    assert (len(trusted.keys), len(trusted.revoked)) == (1, 1)


@pytest.mark.parametrize("content", [b"0123456789ABCDEF", b"0123", b"2025.pub", b"\xff\xfe"])
def test_a_list_that_cannot_be_understood_trusts_nobody(rotation: Rotation, content: bytes) -> None:
    (rotation.keys / REVOKED).write_bytes(content)
    with pytest.raises(EdgekitError, match="revoked"):
        open_bundle(rotation.new, [rotation.keys])


def test_an_empty_folder_trusts_nobody(rotation: Rotation, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EdgekitError, match="is not signed by empty"):
        open_bundle(rotation.new, [tmp_path / "empty"])


def test_the_command_revokes_a_key(rotation: Rotation) -> None:
    command = [sys.executable, "-m", "edge", "bundle", "revoke", str(rotation.keys), str(rotation.keys / "2025.pub")]
    done = subprocess.run([*command, "--why", "stolen"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with pytest.raises(EdgekitError, match="which was revoked"):
        open_bundle(rotation.old, [rotation.keys])

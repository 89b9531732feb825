"""A bundle is opened only when every byte is what its signer signed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices.errors import EdgekitError
from edge.model.assemble import sign
from edge.model.bundle import open_bundle
from edge.model.detector import load_detector
from edge.model.signature import create_key, load_private

Make = Callable[..., Any]


def test_a_bundle_opens_with_its_signers_key_and_is_named_by_its_manifests_digest(make_bundle: Make):
    made = make_bundle()
    bundle = open_bundle(made.folder, [made.public])
    assert bundle.manifest.classes == ("carton", "barcode", "qr")
    assert len(bundle.digest) == 64


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig", "detector.onnx", "self-test.png"])
def test_a_changed_byte_anywhere_is_refused_and_the_file_named(make_bundle: Make, name: str):
    made = make_bundle()
    path = made.folder / name
    for position in (0, path.stat().st_size // 2, path.stat().st_size - 1):
        content = bytearray(path.read_bytes())
        content[position] ^= 1
        path.write_bytes(content)
        with pytest.raises(EdgekitError, match="was changed after signing") as refused:
            open_bundle(made.folder, [made.public])
        assert "manifest" in str(refused.value)
        assert "\n" not in str(refused.value)
        content[position] ^= 1
        path.write_bytes(content)
    open_bundle(made.folder, [made.public])


def test_a_bundle_of_another_signer_is_refused(make_bundle: Make, tmp_path: Path):
    made = make_bundle()
    create_key(tmp_path / "other.pem", tmp_path / "other.pub")
    with pytest.raises(EdgekitError, match=r"not signed by other\.pub"):
        open_bundle(made.folder, [tmp_path / "other.pub"])


def test_without_a_trusted_key_nothing_is_opened(make_bundle: Make):
    with pytest.raises(EdgekitError, match="name one in trusted_keys"):
        open_bundle(make_bundle().folder, [])


def test_an_added_a_missing_and_a_linked_file_are_refused(make_bundle: Make):
    made = make_bundle()
    (made.folder / "extra").write_text("x")
    with pytest.raises(EdgekitError, match="extra is not in the manifest"):
        open_bundle(made.folder, [made.public])
    (made.folder / "extra").unlink()
    kept = made.folder.parent / "kept"
    shutil.move(made.folder / "detector.onnx", kept)
    with pytest.raises(EdgekitError, match=r"detector\.onnx is missing"):
        open_bundle(made.folder, [made.public])
    (made.folder / "detector.onnx").symlink_to(kept)
    with pytest.raises(EdgekitError, match="is a link or a device"):
        open_bundle(made.folder, [made.public])


def test_a_pipe_in_place_of_a_file_is_refused_without_waiting_for_it(make_bundle: Make):
    made = make_bundle()
    os.mkfifo(made.folder / "pipe")
    with pytest.raises(EdgekitError, match="is a link or a device"):
        open_bundle(made.folder, [made.public])


@pytest.mark.parametrize("path", ["../escape", "/etc/passwd", ".hidden", "a//b", "a/../b", "a\\b"])
def test_a_signed_manifest_with_a_path_that_leads_out_is_refused(make_bundle: Make, path: str):
    made = make_bundle()
    manifest = json.loads((made.folder / "manifest.json").read_text())
    manifest["files"][0]["path"] = path
    content = json.dumps(manifest).encode()
    (made.folder / "manifest.json").write_bytes(content)
    (made.folder / "manifest.sig").write_bytes(load_private(made.private).sign(content))
    with pytest.raises(EdgekitError, match=r"files\[0\]\.path"):
        open_bundle(made.folder, [made.public])


def test_a_bundle_that_exists_is_never_overwritten(make_bundle: Make):
    made = make_bundle()
    with pytest.raises(EdgekitError, match="exists"):
        sign(made.folder, load_private(made.private), [made.public], made.folder)


def test_signing_anew_changes_the_signer_and_nothing_else(make_bundle: Make, tmp_path: Path):
    made = make_bundle()
    create_key(tmp_path / "site.pem", tmp_path / "site.pub")
    again = sign(made.folder, load_private(tmp_path / "site.pem"), [made.public], tmp_path / "ours")
    opened = open_bundle(tmp_path / "ours", [tmp_path / "site.pub"])
    assert opened.digest == again.digest == open_bundle(made.folder, [made.public]).digest


def test_a_file_that_changes_after_the_check_is_neither_signed_nor_run(make_bundle: Make, tmp_path: Path):
    made = make_bundle()
    bundle = open_bundle(made.folder, [made.public])
    (made.folder / "detector.onnx").write_bytes(b"x" * (made.folder / "detector.onnx").stat().st_size)
    with pytest.raises(EdgekitError, match=r"detector\.onnx does not match the manifest"):
        load_detector(bundle)
    with pytest.raises(EdgekitError, match=r"detector\.onnx does not match the manifest"):
        sign(made.folder, load_private(made.private), [made.public], tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_a_pair_of_keys_is_written_whole_or_not_at_all(tmp_path: Path):
    (tmp_path / "a.pub").touch()
    with pytest.raises(EdgekitError, match="File exists"):
        create_key(tmp_path / "a.pem", tmp_path / "a.pub")
    assert not (tmp_path / "a.pem").exists()


def test_no_key_is_ever_overwritten(tmp_path: Path):
    create_key(tmp_path / "a.pem", tmp_path / "a.pub")
    before = (tmp_path / "a.pem").read_bytes()
    with pytest.raises(EdgekitError, match="File exists"):
        create_key(tmp_path / "a.pem", tmp_path / "b.pub")
    assert (tmp_path / "a.pem").read_bytes() == before
    assert (tmp_path / "a.pem").stat().st_mode & 0o077 == 0

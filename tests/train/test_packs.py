"""Sets are locked, verified, packed and sealed; a pack that somebody meddled with unpacks to nothing."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.evaluate.openings import OPENINGS
from edge.sealing import create_sealing_key, load_opener, load_recipient
from train.locks import LOCK, QUARANTINE, lock_set, verify_set
from train.packs import pack_set, unpack_set


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make something like a set."""
    made = tmp_path / "set"
    for name in ("dataset.json", "images/train/a.jpg", "labels/train/a.txt"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(name.encode() * 30_000)
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_locked_set_is_verified_and_every_kind_of_change_named(folder: Path):
    lock_set(folder)
    assert not verify_set(folder).any
    (folder / "images/train/a.jpg").write_bytes(b"other")
    (folder / "labels/train/a.txt").unlink()
    (folder / "images/train/b.jpg").write_bytes(b"new")
    changes = verify_set(folder)
    assert changes.changed == ("images/train/a.jpg",)
    assert changes.missing == ("labels/train/a.txt",)
    assert changes.added == ("images/train/b.jpg",)


def test_neither_the_record_of_openings_nor_what_was_taken_out_is_part_of_what_is_locked(folder: Path, tmp_path: Path):
    lock_set(folder)
    (folder / OPENINGS).write_text("{}\n", encoding="utf-8")
    (folder / QUARANTINE / "images" / "train").mkdir(parents=True)
    (folder / QUARANTINE / "images" / "train" / "b.jpg").write_bytes(b"blurred")
    assert not verify_set(folder).any
    # Whoever gets the set has to know how often its test part was opened; what was taken out stays here.
    pack_set(folder, tmp_path / "set.eks", None)
    unpack_set(tmp_path / "set.eks", tmp_path / "out", None)
    assert (tmp_path / "out" / OPENINGS).exists()
    assert not (tmp_path / "out" / QUARANTINE).exists()


def test_the_command_line_fails_where_a_set_differs(folder: Path):
    def data(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge", "data", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    missing = data("verify", str(folder))
    assert (missing.returncode, "edgekit data lock" in missing.stderr) == (1, True)
    assert data("lock", str(folder)).stdout == f"{folder}: 3 files locked\n"
    assert data("verify", str(folder)).returncode == 0
    (folder / "dataset.json").write_text("{}")
    differs = data("verify", str(folder))
    assert (differs.returncode, differs.stdout.splitlines()[0]) == (1, "changed: dataset.json")


@pytest.mark.parametrize("sealed", [True, False])
def test_a_pack_unpacks_to_the_same_set_with_its_lock(folder: Path, tmp_path: Path, *, sealed: bool):
    create_sealing_key(tmp_path / "w.key", tmp_path / "w.pub")
    lock_set(folder)
    recipient = load_recipient(tmp_path / "w.pub") if sealed else None
    opener = load_opener(tmp_path / "w.key") if sealed else None
    assert pack_set(folder, tmp_path / "set.pack", recipient) == 4
    assert unpack_set(tmp_path / "set.pack", tmp_path / "again", opener) == 4
    assert contents(tmp_path / "again") == contents(folder)
    assert not verify_set(tmp_path / "again").any
    assert (b"images/train" in (tmp_path / "set.pack").read_bytes()) is not sealed


def test_the_same_set_packs_to_the_same_bytes(folder: Path, tmp_path: Path):
    pack_set(folder, tmp_path / "a.pack", None)
    (folder / "dataset.json").touch()
    (folder / "dataset.json").chmod(0o600)
    pack_set(folder, tmp_path / "b.pack", None)
    assert (tmp_path / "a.pack").read_bytes() == (tmp_path / "b.pack").read_bytes()


@pytest.mark.parametrize("change", ["cut", "flip", "append"])
def test_a_sealed_pack_that_was_changed_leaves_nothing(folder: Path, tmp_path: Path, change: str):
    create_sealing_key(tmp_path / "w.key", tmp_path / "w.pub")
    pack = tmp_path / "set.pack"
    pack_set(folder, pack, load_recipient(tmp_path / "w.pub"))
    content = bytearray(pack.read_bytes())
    match change:
        case "cut":
            del content[-1000:]
        case "flip":
            content[-1000] ^= 1
        case _:
            content += b"more"
    pack.write_bytes(content)
    with pytest.raises(EdgekitError, match="changed or cut off"):
        unpack_set(pack, tmp_path / "out", load_opener(tmp_path / "w.key"))
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_a_sealed_pack_wants_its_key_and_a_plain_one_in_its_place_is_refused(folder: Path, tmp_path: Path):
    create_sealing_key(tmp_path / "w.key", tmp_path / "w.pub")
    pack_set(folder, tmp_path / "sealed", load_recipient(tmp_path / "w.pub"))
    pack_set(folder, tmp_path / "plain", None)
    with pytest.raises(EdgekitError, match="is sealed: name the private key"):
        unpack_set(tmp_path / "sealed", tmp_path / "out", None)
    with pytest.raises(EdgekitError, match="is not sealed, though a key was given"):
        unpack_set(tmp_path / "plain", tmp_path / "out", load_opener(tmp_path / "w.key"))


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    made.size = 3 if kind == tarfile.REGTYPE else 0
    return made, b"abc" if kind == tarfile.REGTYPE else b""


@pytest.mark.parametrize(
    "members",
    [
        [member("../out.txt")],
        [member("/etc/x")],
        [member("a/../../b")],
        [member("a\\..\\b")],
        [member("link", tarfile.SYMTYPE, "/etc/passwd")],
        [member("a"), member("hard", tarfile.LNKTYPE, "a")],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("device", tarfile.CHRTYPE)],
        [member("a"), member("a")],
        [member("a"), member("a/b")],
        [],
    ],
)
def test_a_pack_made_to_do_harm_unpacks_to_nothing(members: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path):
    pack = tmp_path / "evil.pack"
    with tarfile.open(pack, "w") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(EdgekitError):
        unpack_set(pack, tmp_path / "out", None)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_what_is_no_pack_or_exists_already_or_holds_links_is_refused(folder: Path, tmp_path: Path):
    (tmp_path / "text").write_text("no pack at all")
    with pytest.raises(EdgekitError, match="is no pack of a set"):
        unpack_set(tmp_path / "text", tmp_path / "out", None)
    with pytest.raises(EdgekitError, match="exists"):
        unpack_set(tmp_path / "text", folder, None)
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(EdgekitError, match="is a link"):
        pack_set(folder, tmp_path / "out.pack", None)
    with pytest.raises(EdgekitError, match="is a link"):
        lock_set(folder)
    assert not (folder / LOCK).exists()

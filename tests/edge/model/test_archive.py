"""A bundle as one file: deterministic, and read back only as what its builder would have written."""

import io
import os
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices.errors import EdgekitError
from edge.model.archive import pack, unpack, verify
from edge.model.bundle import open_bundle
from edge.model.signature import create_key

Make = Callable[..., Any]
Packed = tuple[Path, Any]
DEMO = Path(__file__).parents[3] / "edge/demo"


@pytest.fixture
def tmp_path(ram_path: Path) -> Path:
    """Stand for pytest's own: some write an archive twenty thousand times."""
    return ram_path


@pytest.fixture
def packed(make_bundle: Make, tmp_path: Path) -> Packed:
    bundle = make_bundle()
    archive = tmp_path / "small.ekb"
    pack(bundle.folder, archive, [bundle.public])
    return archive, bundle


def test_what_was_packed_comes_back_byte_for_byte(packed: Packed, tmp_path: Path) -> None:
    archive, bundle = packed
    read = unpack(archive, tmp_path / "back", [bundle.public])
    assert read.digest == open_bundle(bundle.folder, [bundle.public]).digest == verify(archive, [bundle.public]).digest
    for path in bundle.folder.rglob("*"):
        if path.is_file():
            assert (tmp_path / "back" / path.relative_to(bundle.folder)).read_bytes() == path.read_bytes()
    open_bundle(tmp_path / "back", [bundle.public])


def test_the_same_bundle_packs_to_the_same_bytes_wherever_and_whenever_it_lies(packed: Packed, tmp_path: Path) -> None:
    archive, bundle = packed
    copy = tmp_path / "copy"
    shutil.copytree(bundle.folder, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    pack(copy, tmp_path / "again.ekb", [bundle.public])
    assert (tmp_path / "again.ekb").read_bytes() == archive.read_bytes()


def test_any_tar_program_can_read_it(packed: Packed) -> None:
    archive, bundle = packed
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert names[:2] == ["manifest.json", "manifest.sig"]
    assert set(names) == {path.name for path in bundle.folder.iterdir()}


def test_every_changed_byte_of_a_small_bundle_is_refused(packed: Packed, tmp_path: Path) -> None:
    archive, bundle = packed
    content = bytearray(archive.read_bytes())
    assert len(content) <= 20_000
    dice = random.Random(7)
    changed = tmp_path / "changed.ekb"
    for place in range(len(content)):
        before = content[place]
        content[place] = before ^ dice.randrange(1, 256)
        changed.write_bytes(content)
        content[place] = before
        with pytest.raises(EdgekitError):
            verify(changed, [bundle.public])


def test_two_thousand_changed_bytes_of_the_real_bundle_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "demo.ekb"
    pack(DEMO / "bundle", archive, [DEMO / "bundle.pub"])
    size = archive.stat().st_size
    dice = random.Random(11)
    with archive.open("r+b") as file:
        for place in dice.sample(range(size), 2000):
            file.seek(place)
            before = file.read(1)
            _put(file, place, bytes([before[0] ^ dice.randrange(1, 256)]))
            with pytest.raises(EdgekitError):
                verify(archive, [DEMO / "bundle.pub"])
            _put(file, place, before)
    verify(archive, [DEMO / "bundle.pub"])


def _put(file: io.BufferedRandom, place: int, byte: bytes) -> None:
    file.seek(place)
    file.write(byte)
    file.flush()


@pytest.mark.parametrize("cut", [1, 512, 1024, 5000])
def test_an_archive_that_breaks_off_leaves_nothing_behind(packed: Packed, tmp_path: Path, cut: int) -> None:
    archive, bundle = packed
    archive.write_bytes(archive.read_bytes()[:-cut])
    before = set(tmp_path.iterdir())
    with pytest.raises(EdgekitError, match="breaks off"):
        unpack(archive, tmp_path / "back", [bundle.public])
    assert set(tmp_path.iterdir()) == before


def test_bytes_behind_the_end_are_refused(packed: Packed, tmp_path: Path) -> None:
    archive, bundle = packed
    archive.write_bytes(archive.read_bytes() + bytes(512))
    with pytest.raises(EdgekitError, match="goes on after its end"):
        unpack(archive, tmp_path / "back", [bundle.public])


def test_another_key_is_refused_before_anything_is_written(packed: Packed, tmp_path: Path) -> None:
    archive, _ = packed
    create_key(tmp_path / "other.key", tmp_path / "other.pub")
    with pytest.raises(EdgekitError, match=r"not signed by other\.pub"):
        unpack(archive, tmp_path / "back", [tmp_path / "other.pub"])
    assert not list(tmp_path.glob("back*"))


def _evil(kind: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo("../outside" if kind == "traversal" else "inside")
    match kind:
        case "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        case "hard link":
            member.type, member.linkname = tarfile.LNKTYPE, "manifest.json"
        case "device":
            member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
        case "double":
            member.name = "manifest.json"
        case "absolute":
            member.name = str(Path("/outside"))
        case "bomb":
            member.size = 1 << 40
        case _:
            pass
    return member


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "kind", ["traversal", "link", "hard link", "device", "double", "absolute", "bomb", "long name", "sparse"]
)
def test_archive_tricks_are_refused_and_nothing_is_written(
    packed: Packed, tmp_path: Path, kind: str, *, first: bool
) -> None:
    archive, bundle = packed
    member = _evil(kind)
    if kind == "long name":
        header = member.tobuf(tarfile.GNU_FORMAT)[:156] + b"L" + member.tobuf(tarfile.GNU_FORMAT)[157:]
    elif kind == "sparse":
        header = member.tobuf(tarfile.GNU_FORMAT)[:156] + b"S" + member.tobuf(tarfile.GNU_FORMAT)[157:]
    else:
        header = member.tobuf(tarfile.GNU_FORMAT)
    content = archive.read_bytes()
    archive.write_bytes(header + content if first else content[:-1024] + header + content[-1024:])
    before = set(tmp_path.iterdir())
    with pytest.raises(EdgekitError):
        unpack(archive, tmp_path / "back", [bundle.public])
    assert set(tmp_path.iterdir()) == before
    assert not (tmp_path.parent / "outside").exists()


def test_a_link_or_a_pipe_in_the_archives_place_is_refused_at_once(packed: Packed, tmp_path: Path) -> None:
    archive, bundle = packed
    (tmp_path / "link.ekb").symlink_to(archive)
    os.mkfifo(tmp_path / "pipe.ekb")
    for name in ("link.ekb", "pipe.ekb"):
        with pytest.raises(EdgekitError):
            unpack(tmp_path / name, tmp_path / "back", [bundle.public])


def test_a_pipe_whose_writer_is_silent_is_no_archive(packed: Packed, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.ekb"
    os.mkfifo(pipe)
    silent = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        with pytest.raises(EdgekitError, match="no plain file"):
            verify(pipe, [packed[1].public])
    finally:
        os.close(silent)


def test_what_exists_is_never_overwritten(packed: Packed, tmp_path: Path) -> None:
    archive, bundle = packed
    (tmp_path / "back").mkdir()
    with pytest.raises(EdgekitError, match="exists"):
        unpack(archive, tmp_path / "back", [bundle.public])
    with pytest.raises(EdgekitError, match="exists"):
        pack(bundle.folder, archive, [bundle.public])

"""The Debian package as Debian's own tools read it."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.deploy.payload import PayloadList, open_payload
from edge.flash.deb import write_deb

Make = Callable[..., tuple[Path, PayloadList]]


@pytest.fixture(autouse=True)
def dpkg() -> None:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed: this is no Debian")


def told_by(*words: str) -> str:
    return subprocess.run(["dpkg-deb", *words], capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_package_holds_the_payload_whole_and_starts_its_installer(make_payload: Make, tmp_path: Path) -> None:
    folder, listed = make_payload("one", 1795656288)
    package = tmp_path / "edgekit.deb"
    write_deb(folder, listed, package)
    assert told_by("--field", str(package), "Package", "Version").splitlines() == [
        "Package: edgekit",
        "Version: 0.1.0+1795656288",
    ]
    told_by("--raw-extract", str(package), str(tmp_path / "unpacked"))
    assert open_payload(tmp_path / "unpacked/usr/lib/edgekit-payload").listed == listed
    postinst = tmp_path / "unpacked/DEBIAN/postinst"
    assert postinst.stat().st_mode & 0o777 == 0o755
    assert "exec /usr/bin/python3 -I /usr/lib/edgekit-payload/install.py" in postinst.read_text()
    subprocess.run(["sh", "-n", str(postinst)], check=True, timeout=10)
    contents = told_by("--contents", str(package)).splitlines()
    assert all(" root/root " in line and line[0] in "d-" for line in contents)


def test_the_same_payload_gives_the_same_package(make_payload: Make, tmp_path: Path) -> None:
    folder, listed = make_payload("one", 1)
    for name in ("a.deb", "b.deb"):
        write_deb(folder, listed, tmp_path / name)
    assert (tmp_path / "a.deb").read_bytes() == (tmp_path / "b.deb").read_bytes()


def test_a_package_with_secrets_and_one_that_exists_are_refused(make_payload: Make, tmp_path: Path) -> None:
    folder, listed = make_payload("one", 1)
    package = tmp_path / "edgekit.deb"
    package.write_text("another's")
    with pytest.raises(EdgekitError, match="exists"):
        write_deb(folder, listed, package)
    assert package.read_text() == "another's"
    (folder / "secrets").mkdir()
    with pytest.raises(EdgekitError, match="readable for everybody"):
        write_deb(folder, listed, tmp_path / "other.deb")

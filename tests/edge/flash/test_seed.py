"""The seed as cloud-init finds it: its label, its texts, and the payload."""

import json
import subprocess
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pycdlib
import pytest

from devices.errors import EdgekitError
from edge.deploy.payload import PayloadList, open_payload
from edge.flash.seed import write_seed

Make = Callable[..., tuple[Path, PayloadList]]


def read(image: Path, name: str, *, joliet: bool) -> bytes:
    disk: Any = pycdlib.PyCdlib()
    disk.open(str(image))
    out = BytesIO()
    disk.get_file_from_iso_fp(out, **{"joliet_path" if joliet else "rr_path": f"/{name}"})
    disk.close()
    return out.getvalue()


def test_cloud_init_finds_its_texts_and_the_payload_by_either_kind_of_name(make_payload: Make, tmp_path: Path) -> None:
    folder, listed = make_payload("one", 1)
    key = tmp_path / "id.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ somebody\n")
    image = tmp_path / "seed.iso"
    write_seed(folder, listed, "Line_1", image, key)
    assert image.stat().st_mode & 0o777 == 0o600
    assert image.read_bytes()[32768 + 40 : 32768 + 46] == b"CIDATA"
    for joliet in (False, True):
        assert json.loads(read(image, "meta-data", joliet=joliet)) == {
            "instance-id": f"edgekit-{listed.release}",
            "local-hostname": "line-1",
        }
        head, _, told = read(image, "user-data", joliet=joliet).decode().partition("\n")
        assert head == "#cloud-config"
        user_data = json.loads(told)
        assert user_data["ssh_authorized_keys"] == ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ somebody"]
        *words, script = user_data["bootcmd"][0]
        assert any(word.startswith("--description=") for word in words), "else it is the script, in many lines"
        assert not any("\n" in word for word in words)
        subprocess.run(["sh", "-n"], input=script, text=True, check=True, timeout=10)
    with tarfile.open(fileobj=BytesIO(read(image, "edgekit.tar", joliet=False))) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert open_payload(tmp_path / "unpacked").listed == listed


@pytest.mark.parametrize("text", ["", "ssh-ed25519 AAAA\nssh-rsa BBBB", "-----BEGIN OPENSSH PRIVATE KEY-----", "x: y"])
def test_what_is_no_single_public_key_lets_nobody_in(make_payload: Make, tmp_path: Path, text: str) -> None:
    folder, listed = make_payload("one", 1)
    (tmp_path / "id.pub").write_text(text)
    with pytest.raises(EdgekitError, match="no single public key"):
        write_seed(folder, listed, "line1", tmp_path / "seed.iso", tmp_path / "id.pub")
    assert not list(tmp_path.glob("*.iso*"))

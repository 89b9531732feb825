"""The units as systemd itself reads them: whole, and exposed no more than a box has to be."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"


@pytest.fixture(autouse=True)
def systemd() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: apt install systemd")


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("unit", "most_tenths"), [("edgekit.service", 15), ("edgekit@.service", 15)])
def test_a_box_of_network_cameras_is_exposed_little(unit: str, most_tenths: int) -> None:
    done = analyze("security", "--offline=true", f"--threshold={most_tenths}", "--no-pager", str(UNITS / unit))
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level" in done.stdout


def test_a_box_with_cameras_and_a_gpu_is_exposed_little_more(tmp_path: Path) -> None:
    shutil.copy(UNITS / "edgekit.service", tmp_path)
    (tmp_path / "edgekit.service.d").mkdir()
    shutil.copy(UNITS / "edgekit-devices.conf", tmp_path / "edgekit.service.d/devices.conf")
    done = analyze("security", "--offline=true", "--threshold=20", "--no-pager", str(tmp_path / "edgekit.service"))
    assert done.returncode == 0, done.stdout
    assert "char-video4linux" in done.stdout, "the drop-in was not read"


def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    for unit in UNITS.glob("*.service"):
        # Where the kit is not installed its command is missing: what is verified is the rest of the unit.
        text = unit.read_text(encoding="utf-8").replace("/opt/edgekit/current/bin/edgekit", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    for unit in tmp_path.glob("*.service"):
        done = analyze("verify", "--man=no", str(unit).replace("@.", "@one."))
        told = [line for line in done.stderr.splitlines() if "edgekit" in line]
        assert told == []

"""The units as systemd itself reads them: whole, and exposed no more than a box has to be."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
ON_DEVICES = ("edgekit.service", "edgekit-gate.service")
NETWORK_TENTHS, DEVICES_TENTHS = 15, 20
# Keys that came with systemd 254: older ones pass over them with a word in the log, and the unit works.
LATER = re.compile(r"Unknown key (name )?'Restart(Steps|MaxDelaySec)'")


@pytest.fixture(autouse=True)
def systemd() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: apt install systemd")


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


def exposure_tenths(unit: Path) -> int:
    """Return a unit's exposure as systemd measures it, in tenths."""
    done = analyze("security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for \S+: (\d+)\.(\d)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return 10 * int(found[1]) + int(found[2])


def settings(unit: str) -> set[str]:
    text = (UNITS / unit).read_text(encoding="utf-8")
    return {line for line in text.splitlines() if "=" in line and not line.startswith("#")}


@pytest.mark.parametrize("unit", SERVICES)
def test_on_a_box_of_network_cameras_every_unit_is_exposed_little(unit: str) -> None:
    assert exposure_tenths(UNITS / unit) <= NETWORK_TENTHS


@pytest.mark.parametrize("unit", ON_DEVICES)
def test_on_a_box_with_cameras_and_a_gpu_it_is_little_more(tmp_path: Path, unit: str) -> None:
    shutil.copy(UNITS / unit, tmp_path)
    bare = exposure_tenths(tmp_path / unit)
    (tmp_path / f"{unit}.d").mkdir()
    shutil.copy(UNITS / "edgekit-devices.conf", tmp_path / f"{unit}.d/devices.conf")
    assert bare < exposure_tenths(tmp_path / unit) <= DEVICES_TENTHS, "the drop-in was not read, or opens too much"


def test_a_unit_that_is_open_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "edgekit.service").write_text("[Service]\nExecStart=/bin/true\n")
    assert exposure_tenths(tmp_path / "edgekit.service") > DEVICES_TENTHS


def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    units = [path for path in UNITS.iterdir() if path.suffix in (".service", ".timer")]
    assert len(units) >= 6
    for unit in units:
        # Where the kit is not installed its command is missing: what is verified is the rest of the unit.
        text = re.sub(r"/opt/edgekit/(current|keeper)/bin/edgekit", "/bin/true", unit.read_text(encoding="utf-8"))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    for unit in units:
        done = analyze("verify", "--man=no", str(tmp_path / unit.name).replace("@.", "@one."))
        told = [line for line in done.stderr.splitlines() if "edgekit" in line and not LATER.search(line)]
        assert told == []


def test_the_gate_and_housekeeping_see_what_the_service_sees_and_may_no_more() -> None:
    service, gate = settings("edgekit.service"), settings("edgekit-gate.service")
    own = {"ExecStart", "ExecStartPost", "Type", "MemoryMax", "Description", "TimeoutStartSec", "RuntimeDirectory"}
    own |= {"SuccessExitStatus"}
    more = {line for line in gate - service if line.partition("=")[0] not in own}
    assert more == {"OnFailure=edgekit-rollback.service"}
    assert not any("edgekit.service" in line for line in gate if line.startswith("After=")), "it sees starts that hang"
    assert {"User=edgekit", "StateDirectory=edgekit"} <= service & gate & settings("edgekit-housekeeping.service")


@pytest.mark.parametrize("unit", ["edgekit.service", "edgekit-gate.service", "edgekit-rollback.service"])
def test_what_takes_a_release_back_never_runs_from_the_release_on_trial(unit: str) -> None:
    commands = [line for line in settings(unit) if line.startswith("Exec") and " release " in line]
    assert commands
    assert all("/opt/edgekit/keeper/bin/edgekit release" in line for line in commands)

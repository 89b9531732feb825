"""What a machine's own files say about it; files of other machines stand in tests/devices/machines."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devices.library import suggest
from devices.probe import probe

MACHINES = Path(__file__).parent / "machines"
Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Put a stand-in for a program of a Jetson on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def make(name: str, script: str) -> None:
        (folder / name).write_text(f"#!{sys.executable}\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)

    return make


def test_a_jetson_tells_its_release_cuda_tensorrt_and_power_mode(program: Program) -> None:
    program("nvpmodel", "print('NV Power Mode: 25W\\n1')")
    machine = probe(MACHINES / "orin-nano", "aarch64")
    assert machine.jetson is not None
    assert (machine.jetson.l4t, machine.jetson.jetpack) == ((36, 4, 3), 6)
    assert (machine.jetson.cuda, machine.jetson.tensorrt) == ("12.6.11", "10.3.0.30")
    assert machine.jetson.power_mode == "25W"
    assert (machine.cores, machine.memory_mib, machine.system) == (6, 7619, "Ubuntu 22.04.5 LTS")
    assert machine.storage.worn_percent == 20


def test_an_image_without_the_release_file_is_told_by_its_package_and_removed_ones_do_not_count() -> None:
    machine = probe(MACHINES / "agx-orin-without-release-file", "aarch64")
    assert machine.jetson is not None
    assert (machine.jetson.l4t, machine.jetson.jetpack) == ((38, 2, 0), 7)
    assert machine.jetson.tensorrt is None


@pytest.mark.parametrize("script", ["print('NVPM ERROR: no such thing')", "raise SystemExit(3)"])
def test_a_power_mode_that_nvpmodel_does_not_tell_is_unknown(program: Program, script: str) -> None:
    program("nvpmodel", script)
    machine = probe(MACHINES / "orin-nano", "aarch64")
    assert machine.jetson is not None
    assert machine.jetson.power_mode is None


@pytest.mark.parametrize(
    ("folder", "architecture", "profile"),
    [
        ("orin-nano", "aarch64", "jetson-orin-nano-jetpack6"),
        ("agx-orin-without-release-file", "aarch64", "jetson-agx-orin-jetpack7"),
        ("xavier-nx", "aarch64", "jetson-xavier"),
        ("raspberry-pi-5", "aarch64", "raspberry-pi-5"),
        ("n100", "x86_64", "x86-vnni"),
    ],
)
def test_the_profile_that_fits_a_machine_is_suggested(folder: str, architecture: str, profile: str) -> None:
    suggested = suggest(probe(MACHINES / folder, architecture))
    assert suggested is not None
    assert suggested.name == profile


def test_a_graphics_processor_counts_once_a_driver_has_claimed_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(MACHINES / "n100", root)
    card = root / "sys/class/drm/card0/device"
    card.mkdir(parents=True)
    assert probe(root, "x86_64").gpus == ()
    driver = root / "sys/bus/pci/drivers/i915"
    driver.mkdir(parents=True)
    (card / "driver").symlink_to(driver)
    machine = probe(root, "x86_64")
    suggested = suggest(machine)
    assert machine.gpus == ("i915",)
    assert suggested is not None
    assert suggested.name == "intel-igpu"


def test_an_empty_root_is_described_without_a_fault(tmp_path: Path) -> None:
    machine = probe(tmp_path, "riscv64")
    assert (machine.cpu, machine.memory_mib, machine.jetson) == ("", 0, None)
    assert suggest(machine) is None


def test_the_command_tells_this_machine_and_a_profile() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "edge", "devices", "probe"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "architecture" in told.stdout
    assert "profile       none" not in told.stdout

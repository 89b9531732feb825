"""A box of another processor, flashed from this machine and then emulated: its wheels install offline, and it infers.

Nothing of the system below the folder runs while it is flashed. QEMU's user mode then runs its interpreter, from inside
the folder as its root, with no network.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.demo.show import BUNDLE, TRUSTED_KEY
from edge.flash.payload import Order
from edge.flash.root import flash_root, target_of
from edge.flash.wheelhouse import Sources, gather

QEMU = "qemu-aarch64-static"
# Where either is set, what takes minutes to make or to fetch is taken from there.
READY_SYSTEM, READY_WHEELS = "EDGEKIT_TEST_AARCH64_DEBIAN", "EDGEKIT_TEST_AARCH64_WHEELS"
BOX = """
[box]
site = "hall"
name = "board"
[bundle]
path = "bundle"
trusted_keys = ["bundle.pub"]
[outbox]
path = "/var/lib/edgekit/outbox.db"
[[camera]]
name = "belt"
source = { kind = "rtsp", url = "rtsp://127.0.0.1:9/belt" }
"""
# Loading a detector lets it prove itself: one inference on the bundle's picture, held against what is expected there.
_INFER = """
import platform, sys
from pathlib import Path
from edge.model.bundle import open_bundle
from edge.model.detector import load_detector
site = Path("/opt/edgekit/current/site")
bundle = open_bundle(site / "bundle", [site / "bundle.pub"])
print(platform.machine(), load_detector(bundle, backend=sys.argv[1], precision=sys.argv[2]).info)
"""


@pytest.fixture(scope="session")
def needs_emulator() -> None:
    missing = [name for name in ("mmdebstrap", QEMU, "unshare") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"{', '.join(missing) or 'root'} is missing: apt install mmdebstrap qemu-user-static, as root")


@pytest.fixture(scope="session")
def board(needs_emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a system for aarch64 and flash it, without a package index."""
    del needs_emulator
    folder = tmp_path_factory.mktemp("board")
    root, wheels, site = folder / "root", folder / "wheels", folder / "site"
    if ready := os.environ.get(READY_SYSTEM):
        subprocess.run(["cp", "-a", ready, str(root)], check=True)
    else:
        made = ["mmdebstrap", "--architectures=arm64", "--variant=extract", "--include=python3,libstdc++6"]
        subprocess.run([*made, "bookworm", str(root)], check=True, capture_output=True, timeout=1800)
    if ready := os.environ.get(READY_WHEELS):
        wheels = Path(ready)
    else:
        gather(wheels, target_of(root, None), Sources())
    site.mkdir()
    shutil.copytree(BUNDLE, site / "bundle")
    shutil.copyfile(TRUSTED_KEY, site / "bundle.pub")
    (site / "box.toml").write_text(BOX)
    flash_root(root, Order(site / "box.toml", sources=Sources(wheels, index=False)), None, lambda _: None)
    shutil.copy(str(shutil.which(QEMU)), root / "usr/bin")
    (root / "proc").mkdir(exist_ok=True)
    (root / "sys").mkdir(exist_ok=True)
    return root


def infer(board: Path, backend: str, precision: str, cpu: str = "max") -> subprocess.CompletedProcess[str]:
    """Load the bundle's model in the emulated system, in a process of its own, and return what that said."""
    # In a mount namespace of its own, so that nothing stays mounted. ONNX Runtime 1.32 ends with SIGSEGV where it finds
    # this machine's processor below /sys and another in its registers; OpenVINO loads nothing without /proc and /sys.
    mounts = 'mount -t proc proc "$0/proc" && mount --bind /sys "$0/sys" && ' if backend == "openvino" else ""
    program = [f"/usr/bin/{QEMU}", "-cpu", cpu, "/opt/edgekit/current/bin/python", "-I", "-c", _INFER]
    command = ["unshare", "--mount", "--net", "sh", "-c", f'{mounts}exec chroot "$0" "$@"', str(board), *program]
    return subprocess.run([*command, backend, precision], capture_output=True, text=True, timeout=1800, check=False)


# Emulated with all that QEMU knows (`max`, which has SVE), OpenVINO 2026.4 finds another carton than on any real
# processor, and the kit refuses it; as a Cortex-A72 (Raspberry Pi 4), which has none, it proves itself.
@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("backend", "cpu"), [("onnxruntime", "max"), ("openvino", "cortex-a72")])
def test_a_flashed_board_infers(board: Path, backend: str, cpu: str) -> None:
    done = infer(board, backend, "int8", cpu)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"aarch64 {backend} "), done.stdout
    print(done.stdout)

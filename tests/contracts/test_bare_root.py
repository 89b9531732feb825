"""`make demo` works where there is nothing but Python, make and git: a Debian root made for the purpose."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = "python3,python3-venv,make,git"
# Mounts of the namespace end with it, so that nothing outlives the test.
IN_ROOT = """
set -e
mount -t proc proc "$ROOT/proc"
mount --rbind /sys "$ROOT/sys"
mount --rbind /dev "$ROOT/dev"
exec chroot "$ROOT" sh -c 'cd /edgekit && make demo'
"""


@pytest.fixture
def bare_root(tmp_path: Path) -> Path:
    """Make a minimal Debian root with a clone of this repository in it."""
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        pytest.skip("mmdebstrap is not installed, or this is not root")
    root = tmp_path / "root"
    made = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
    subprocess.run(made, check=True, capture_output=True, timeout=900)
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(root / "edgekit")], check=True)
    # How this machine reaches its package index is no part of what is tested.
    names = [Path("/etc/resolv.conf"), Path("/etc/hosts"), Path.home() / ".config/pip/pip.conf"]
    names += [Path(value) for key, value in os.environ.items() if key == "PIP_CERT"]
    for name in names:
        if name.is_file():
            target = root / name.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name.resolve(), target)
    return root


@pytest.mark.long
@pytest.mark.timeout(2100)  # a root is made and the kit is installed in it
def test_the_demonstration_runs_in_a_bare_debian_root(bare_root: Path):
    command = ["unshare", "--mount", "sh", "-c", IN_ROOT]
    # Where make itself runs these tests, its variables would make the inner one a sub-make, with another output.
    outer = {name for name in os.environ if name.startswith(("MAKE", "MFLAGS"))}
    environment = {name: value for name, value in os.environ.items() if name not in outer} | {"ROOT": str(bare_root)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.rstrip().endswith("passed")
    assert (bare_root / "edgekit" / "demo.jpg").stat().st_size > 10_000

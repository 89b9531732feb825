"""A fresh machine with nothing but a Debian and a seed in its drive."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.deploy.ledger import Ledger

Make = Callable[..., Any]
INSTALL_S, JUDGE_S = 5400.0, 1200.0
LEDGER = "/opt/edgekit/releases.json"


def write_seed(site: Path, wheels: Path, out: Path) -> None:
    words = ["flash", "--seed", str(out), "--config", str(site / "box.toml"), "--wheels", str(wheels), "--no-index"]
    words += ["--python", "3.11", "--glibc", "2.36", "--counter", "1"]
    subprocess.run([sys.executable, "-m", "edge", *words], check=True, timeout=1200)


@pytest.mark.long
@pytest.mark.timeout(9000)
def test_a_machine_without_a_network_is_installed_from_the_seed_alone(
    fresh_disk: Path, machine: Make, overlay: Make, site: Path, wheels: Path, eventually_s: Make, tmp_path: Path
) -> None:
    seed = tmp_path / "seed.iso"
    write_seed(site, wheels, seed)
    with machine(overlay(fresh_disk, tmp_path / "disk.qcow2"), seed) as fresh:
        print(f"up after {fresh.wait_for_agent():.0f} s", flush=True)
        took_s = eventually_s(fresh.is_active, INSTALL_S, "the unit is active")
        print(f"edgekit.service active after another {took_s:.0f} s", flush=True)

        def ledger() -> Ledger:
            return Ledger.model_validate_json(fresh.run("/bin/cat", LEDGER))

        took_s = eventually_s(lambda: ledger().on_trial is None, JUDGE_S, "the release is judged")
        print(f"judged after another {took_s:.0f} s", flush=True)
        assert [one.state.value for one in ledger().releases] == ["good"], fresh.run(
            "/bin/journalctl", "-u", "edgekit*"
        )
        assert fresh.is_active()

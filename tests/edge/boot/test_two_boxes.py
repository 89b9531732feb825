"""Two booted Debian systems, reached by SSH over loopback: one is updated, the other one takes its release back."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from edge.flash.root import flash_root

Make = Callable[..., Any]
GOOD, BAD = "127.0.0.2", "127.0.0.3"
NAMES = {GOOD: "line1", BAD: "line2"}
MOST_ROLLBACK_S = 60.0  # from the gate's verdict until the release before works again


@dataclass(frozen=True)
class Login:
    """Who may log in to the boxes, and by what keys they are known."""

    identity: Path
    known_hosts: Path
    port: int


@pytest.fixture
def login(tmp_path: Path, free_port: int) -> Login:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "key"))
    (tmp_path / "key").chmod(0o600)
    return Login(tmp_path / "key", tmp_path / "known", free_port)


def let_in(root: Path, address: str, login: Login) -> None:
    """Let a system answer at an address of loopback by a host key of its own, and take the one key."""
    host = asyncssh.generate_private_key("ssh-ed25519")
    for old in (root / "etc/ssh").glob("ssh_host_*"):
        old.unlink()
    host.write_private_key(str(root / "etc/ssh/ssh_host_ed25519_key"))
    (root / "etc/ssh/ssh_host_ed25519_key").chmod(0o600)
    lines = [f"Port {login.port}", f"ListenAddress {address}", "PasswordAuthentication no", "UsePAM no", ""]
    (root / "etc/ssh/sshd_config.d/box.conf").write_text("\n".join(lines))
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    key = asyncssh.read_private_key(str(login.identity)).export_public_key().decode()
    (root / "root/.ssh/authorized_keys").write_text(key)
    with login.known_hosts.open("a") as known:
        known.write(f"[{address}]:{login.port} {host.export_public_key().decode()}")


def flash(outside: Any, login: Login) -> "subprocess.CompletedProcess[str]":
    """Flash both boxes as an integrator does, the good one first: after a bad one the others are spared."""
    words = [f"--ssh=root@{address}:{login.port}" for address in (GOOD, BAD)]
    words += ["--config", f"{outside.releases.folder}/{{host}}/box.toml", "--counter", "2"]
    words += ["--wheels", str(outside.releases.wheels), "--no-index"]
    words += ["--identity", str(login.identity), "--known-hosts", str(login.known_hosts)]
    command = [sys.executable, "-m", "edge", "flash", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=2400, check=False)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_of_two_boxes_the_good_one_is_updated_and_the_bad_one_takes_its_release_back_and_is_reported(
    fresh_root: Make, outside: Any, boot: Make, eventually_s: Make, login: Login
) -> None:
    boxes: dict[str, Any] = {}
    first: dict[str, str] = {}
    for address, name in NAMES.items():
        root = fresh_root(name)
        let_in(root, address, login)
        order = outside.releases.order(address, 1, outside.camera.url, box=name)
        first[address] = flash_root(root, order, None, lambda _: None)
        boxes[address] = boot(root)
    for address, name in NAMES.items():
        eventually_s(lambda: boxes[address].state(first[address]) == "good", 300, f"{name} is found good")  # noqa: B023
        eventually_s(lambda: outside.events(name), 120, f"events of {name} arrive at the broker outside")  # noqa: B023

    outside.releases.write_site(GOOD, outside.camera.url, box=NAMES[GOOD], more="# another configuration\n")
    outside.releases.write_site(BAD, f"rtsp://127.0.0.1:{outside.releases.dead}/dead", box=NAMES[BAD])
    began_s = time.monotonic()
    done = flash(outside, login)
    print(f"{done.stdout}\nboth in {time.monotonic() - began_s:.0f} s, exit code {done.returncode}")

    good, bad = (boxes[address].ledger() for address in (GOOD, BAD))
    taken_back = next(one for one in bad["releases"] if one["state"] == "bad")
    seen = outside.events(NAMES[BAD])
    eventually_s(boxes[BAD].is_active, 120, "the service of the bad box is active")
    eventually_s(lambda: outside.events(NAMES[BAD]) > seen, 120, "events of the bad box arrive again")
    verdict = datetime.fromisoformat(taken_back["since"].replace("Z", "+00:00"))
    took_s = (datetime.now(timezone.utc) - verdict).total_seconds()
    print(f"events from the release before {took_s:.1f} s after the verdict: {taken_back['reason']}")

    assert done.returncode == 1, done.stderr
    told = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "good" in told[f"root@{GOOD}:{login.port}"]
    assert good["current"] in told[f"root@{GOOD}:{login.port}"]
    assert boxes[GOOD].state(good["current"]) == "good"
    assert good["current"] != first[GOOD]
    assert "taken back" in told[f"root@{BAD}:{login.port}"]
    assert taken_back["id"] in told[f"root@{BAD}:{login.port}"]
    assert "camera belt streamed before" in told[f"root@{BAD}:{login.port}"]
    assert bad["current"] == first[BAD]
    assert boxes[GOOD].is_active()
    assert took_s <= MOST_ROLLBACK_S, boxes[BAD].journal("edgekit-rollback.service")

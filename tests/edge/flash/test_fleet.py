"""Boxes over a real SSH server: one after another, each judged, and the next spared where one is bad."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from devices.errors import EdgekitError
from edge.deploy.payload import Target
from edge.deploy.store import ReleaseStore
from edge.flash.fleet import Outcome, Verdict, flash_fleet, table
from edge.flash.hosts import Host
from edge.flash.pack import Wheelhouse
from edge.flash.payload import Order
from edge.flash.ssh import Reach

BOX_TOML = """
[box]
site = "here"
name = "{name}"
[bundle]
path = "/var/lib/edgekit/bundle"
[outbox]
path = "/var/lib/edgekit/outbox.db"
[[camera]]
name = "belt"
source = {{ kind = "rtsp", url = "rtsp://camera.example/stream" }}
"""


@dataclass(frozen=True)
class Server:
    port: int
    identity: Path
    known_hosts: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server, None, None]:
    """An sshd on loopback that knows one key."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("sshd is not installed, or this is not root: apt install openssh-server")
    folder = tmp_path_factory.mktemp("sshd")
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "user"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(folder / name))
        key.write_public_key(str(folder / f"{name}.pub"))
        (folder / name).chmod(0o600)
    port = free_port()
    lines = [f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder}/host", "PidFile none", "StrictModes no"]
    lines += [f"AuthorizedKeysFile {folder}/user.pub", "PasswordAuthentication no", "Subsystem sftp internal-sftp"]
    (folder / "config").write_text("\n".join([*lines, ""]))
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    with subprocess.Popen([program, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL) as sshd:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert sshd.poll() is None
            time.sleep(0.05)
        yield Server(port, folder / "user", folder / "known")
        sshd.terminate()


@pytest.fixture
def order(tmp_path: Path, small_wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    """What two boxes get; its wheels come from here instead of an index, which other tests are about."""

    def gathered(folder: Path, target: Target, *_: object) -> Wheelhouse:
        shutil.copytree(small_wheels, folder)
        names = sorted(path.name for path in folder.iterdir())
        pip = next(name for name in names if name.startswith("pip-"))
        return Wheelhouse(target, pip, tuple(name for name in names if name.startswith("annotated_types-")))

    monkeypatch.setattr("edge.flash.payload.gather", gathered)
    (tmp_path / "127.0.0.1.toml").write_text(BOX_TOML.format(name="one"))
    return Order(config=tmp_path / "127.0.0.1.toml")


def test_a_key_that_is_not_known_is_no_box(server: Server, order: Order, tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("")
    host = Host("root", "127.0.0.1", server.port)
    # Below a folder: were the key taken, this machine itself would be flashed.
    reach = Reach(server.identity, tmp_path / "nobody", str(tmp_path / "root"))
    outcomes = flash_fleet([host], order, reach, print, keep_going=False)
    assert outcomes[0].verdict is Verdict.FAILED
    assert "Host key is not trusted" in outcomes[0].reason


def test_an_ssh_configuration_that_takes_any_key_is_refused(
    server: Server, order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host *\n  UserKnownHostsFile none\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    reach = Reach(server.identity, prefix=str(tmp_path / "root"))
    (outcome,) = flash_fleet([Host("root", "127.0.0.1", server.port)], order, reach, print, keep_going=False)
    assert outcome.verdict is Verdict.FAILED
    assert "name a file of known keys by --known-hosts" in outcome.reason


def test_boxes_do_not_share_a_configuration(order: Order) -> None:
    with pytest.raises(EdgekitError, match="cannot have one box"):
        flash_fleet([Host(None, "a"), Host(None, "b")], order, Reach(), print, keep_going=False)


def judged(root: Path, judge: Callable[[ReleaseStore], object], stop: threading.Event) -> threading.Thread:
    """Stand where the health gate stands on a box with systemd: say a word as soon as a release is on trial."""

    def wait() -> None:
        store = ReleaseStore(root / "opt/edgekit")
        while not stop.is_set():
            if store.read().on_trial is not None:
                try:
                    judge(store)
                except EdgekitError:  # the installer holds the store: it looks again
                    time.sleep(0.02)
                else:
                    return
            time.sleep(0.02)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def brought() -> set[Path]:
    """Return what lies where payloads are unpacked; an installation that somebody killed may have left some there."""
    return set(Path("/var/tmp").glob("edgekit-payload.*"))  # noqa: S108


@pytest.mark.timeout(400)  # an installation or two of the whole runtime, on a busy machine
def test_a_good_box_is_updated_and_a_bad_one_is_taken_back_and_told(
    server: Server, order: Order, flashed: Path, flashed_root: Path, tmp_path: Path
) -> None:
    del flashed
    before = brought()
    bad_root = tmp_path / "bad"
    subprocess.run(["cp", "-al", str(flashed_root), str(bad_root)], check=True)
    stop = threading.Event()
    threads = [
        judged(flashed_root, lambda store: store.pass_trial(), stop),
        judged(bad_root, lambda store: store.fail_trial("camera belt no longer\nstreams"), stop),
    ]
    told: list[str] = []
    host = Host("root", "127.0.0.1", server.port)
    outcomes: list[Outcome] = []
    try:
        for root in (flashed_root, bad_root):
            reach = Reach(server.identity, server.known_hosts, str(root), verdict_s=60)
            outcomes += flash_fleet([host], order, reach, told.append, keep_going=False)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert [one.verdict for one in outcomes] == [Verdict.GOOD, Verdict.BAD], outcomes
    assert ReleaseStore(flashed_root / "opt/edgekit").read().current == outcomes[0].release
    left = ReleaseStore(bad_root / "opt/edgekit").read()
    assert left.current is not None
    assert left.current.startswith("one-")
    shown = table(outcomes)
    assert len(shown.splitlines()) == 3, "what a box says must not forge a line"
    assert "taken back" in shown
    assert r"camera belt no longer\nstreams" in shown
    assert brought() == before, "what was brought is removed"


@pytest.mark.timeout(400)  # an installation or two of the whole runtime, on a busy machine
def test_after_a_box_that_fails_the_others_are_spared(server: Server, order: Order, tmp_path: Path) -> None:
    (tmp_path / "nobody.toml").write_text(BOX_TOML.format(name="two"))
    hosts = [Host("root", "127.0.0.1", 1), Host("root", "127.0.0.1", server.port)]
    order = Order(config=tmp_path / "{host}.toml", sources=order.sources)
    outcomes = flash_fleet(hosts, order, Reach(server.identity, server.known_hosts), print, keep_going=False)
    assert [one.verdict for one in outcomes] == [Verdict.FAILED, Verdict.SPARED]

"""A Debian disk and a virtual machine that runs it, without KVM; QEMU's guest agent is what looks and acts inside."""

import base64
import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import pytest

from edge.deploy.payload import Target
from edge.deploy.store import ReleaseStore
from edge.flash.payload import Order
from edge.flash.root import flash_root
from edge.flash.wheelhouse import Sources, gather

PACKAGES = (
    "systemd,systemd-sysv,dbus,udev,kmod,python3,cloud-init,qemu-guest-agent,linux-image-cloud-amd64,initramfs-tools"
)
# Where either is set, what takes minutes to make or to fetch is taken from there: a system of PACKAGES, and wheels.
READY_SYSTEM, READY_WHEELS = "EDGEKIT_TEST_VIRTUAL_DEBIAN", "EDGEKIT_TEST_WHEELS"
DISK_SIZE = "5G"
MEMORY_MIB = 1536
GUEST_ADDRESS = "10.0.2.15"  # QEMU's user network: the machine that runs QEMU is 10.0.2.2 to its guest
_NETWORK = f"[Match]\nName=e*\n[Network]\nAddress={GUEST_ADDRESS}/24\nGateway=10.0.2.2\nLinkLocalAddressing=no\n"
BOX = """
[box]
site = "hall"
name = "vm1"
[bundle]
path = "bundle"
trusted_keys = ["bundle.pub"]
[inference]
backend = "onnxruntime"
precision = "fp32"
[mqtt]
host = "10.0.2.2"
port = {port}
at_start = "wait"
[outbox]
path = "/var/lib/edgekit/outbox.db"
[trigger_socket]
host = "0.0.0.0"
port = 7011
[[camera]]
name = "gate"
policy = "trigger"
trigger_deadline_ms = 500
source = {{ kind = "rtsp", url = "rtsp://127.0.0.1:9/dead" }}
"""
_BOOT_S = 1200.0
_AGENT_S = 60.0  # while a machine boots, nobody answers
_MONITOR_S = 600.0  # a snapshot writes all of the memory
_LOOK_S = 0.5


def wait_until(holds: Callable[[], object], timeout_s: float, what: str) -> float:
    """Wait until something holds, and return how many seconds that took."""
    began_s = time.monotonic()
    while not holds():
        assert time.monotonic() - began_s < timeout_s, f"did not come true within {timeout_s:g} s: {what}"
        time.sleep(_LOOK_S)
    return time.monotonic() - began_s


@dataclass(frozen=True, slots=True)
class Debian:
    """A system below a folder, and what a virtual machine boots it with."""

    root: Path
    kernel: Path
    initrd: Path


def write_disk(folder: Path, image: Path, size: str) -> Path:
    """Write a disk that holds what lies below a folder."""
    command = ["mke2fs", "-q", "-t", "ext4", "-d", str(folder), str(image), size]
    subprocess.run(command, check=True, capture_output=True)
    return image


@final
class JsonSocket:
    """A socket of QEMU's that takes a JSON command a line, and answers by one."""

    def __init__(self, path: Path, answer_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(answer_s)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, command: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Return what a command answers; what comes in between without having been asked for is left out."""
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments or {}}).encode() + b"\n")
        while not {"error", "return"} & (answer := self._next()).keys():
            continue
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        return answer["return"]

    def synchronise(self, number: int) -> None:
        """Pass over all that is left of commands that were given up, and over the fault that the first byte is to it.

        Source: QEMU Guest Agent Protocol Reference, guest-sync-delimited.
        """
        command = json.dumps({"execute": "guest-sync-delimited", "arguments": {"id": number}})
        self._socket.sendall(b"\xff" + command.encode() + b"\n")
        while self._next().get("return") != number:
            continue

    def _next(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionError("QEMU closed the connection")
        return json.loads(line.lstrip(b"\xff"))


@final
class VirtualMachine:
    """A running machine, as a context manager; left, it is killed as a power cut would.

    Args:
        debian: What it boots.
        disk: Its disk, a qcow2.
        drives: Images that it can only read.
        room: A folder for sockets and the console.
        forwards: Ports of this machine's loopback by the guest's; None: it has no network.
        snapshot: The moment at which it goes on, in place of booting.
    """

    def __init__(
        self,
        debian: Debian,
        disk: Path,
        drives: tuple[Path, ...],
        room: Path,
        forwards: dict[int, int] | None = None,
        snapshot: str | None = None,
    ) -> None:
        self._room = room
        self._console = room / "console.log"
        self._command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"]
        self._command += ["-m", str(MEMORY_MIB), "-nodefaults", "-display", "none", "-no-reboot"]
        self._command += ["-kernel", str(debian.kernel), "-initrd", str(debian.initrd)]
        self._command += ["-append", "root=/dev/vda rw console=ttyS0 quiet"]
        # What the guest has not flushed is lost with QEMU: it lies in the guest's memory, or in QEMU's map of the disk.
        self._command += ["-drive", f"file={disk},if=virtio,format=qcow2,cache=writeback"]
        for drive in drives:
            self._command += ["-drive", f"file={drive},if=virtio,format=raw,readonly=on"]
        self._command += ["-device", "virtio-serial", "-device", "virtio-rng-pci", "-serial", f"file:{self._console}"]
        self._command += ["-chardev", f"socket,path={room}/agent,server=on,wait=off,id=agent"]
        self._command += ["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"]
        self._command += ["-qmp", f"unix:{room}/monitor,server=on,wait=off"]
        if forwards is None:
            self._command += ["-nic", "none"]
        else:
            told = "".join(f",hostfwd=tcp:127.0.0.1:{own}-{GUEST_ADDRESS}:{guest}" for guest, own in forwards.items())
            self._command += ["-netdev", f"user,id=net{told}", "-device", "virtio-net-pci,netdev=net,romfile="]
        if snapshot is not None:
            self._command += ["-loadvm", snapshot]
        self._numbers = itertools.count(int(time.time()))
        self._agent: JsonSocket | None = None

    def __enter__(self) -> "VirtualMachine":
        with (self._room / "qemu.log").open("ab") as log:
            self._qemu = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._monitor = self._connected("monitor", _MONITOR_S)
        self._monitor.ask("qmp_capabilities")
        return self

    def __exit__(self, *_raised: object) -> None:
        self.cut_power()
        self._monitor.close()
        if self._agent is not None:
            self._agent.close()

    def cut_power(self) -> None:
        """Kill QEMU."""
        self._qemu.kill()
        self._qemu.wait()

    def power_off(self) -> None:
        """Let the system shut down in order."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            self.run("systemctl", "--no-block", "poweroff")
        self._qemu.wait(_BOOT_S)

    def monitor(self, line: str) -> str:
        """Say a line to QEMU's monitor, such as `savevm NAME`."""
        return str(self._monitor.ask("human-monitor-command", {"command-line": line}))

    def wait_for_agent(self) -> float:
        """Wait until something inside answers, and return how many seconds that took."""
        return wait_until(self._answers, _BOOT_S, f"the system boots: {self._console}")

    def run(self, *words: str, text: str = "", check: bool = True, timeout_s: float = 600) -> str:
        """Run a program inside, and return what it said."""
        agent = self._synchronised()
        told = base64.b64encode(text.encode()).decode()
        given = {"path": words[0], "arg": words[1:], "input-data": told, "capture-output": True}
        pid = agent.ask("guest-exec", given)["pid"]
        end_s = time.monotonic() + timeout_s
        while not (status := agent.ask("guest-exec-status", {"pid": pid}))["exited"]:
            assert time.monotonic() < end_s, f"{words} has not ended within {timeout_s:g} s"
            time.sleep(_LOOK_S)
        told = "".join(base64.b64decode(status.get(name, "")).decode() for name in ("out-data", "err-data"))
        assert status.get("exitcode") == 0 or not check, f"{words}: {status.get('exitcode')} {told}"
        return told

    def is_active(self, unit: str = "edgekit.service") -> bool:
        """Whether a unit is active."""
        return self.run("systemctl", "is-active", unit, check=False).strip() == "active"

    def _answers(self) -> bool:
        assert self._qemu.poll() is None, (self._room / "qemu.log").read_text()
        try:
            self._synchronised()
        except (TimeoutError, ConnectionError):
            return False
        return True

    def _synchronised(self) -> JsonSocket:
        """Return the agent's socket, with nothing left in it of commands that were given up."""
        if self._agent is not None:
            return self._agent
        agent = self._connected("agent", _AGENT_S)
        try:
            agent.synchronise(next(self._numbers))
        except (TimeoutError, ConnectionError):
            agent.close()
            raise TimeoutError("the agent does not answer yet") from None
        self._agent = agent
        return agent

    def _connected(self, name: str, answer_s: float) -> JsonSocket:
        path = self._room / name
        end_s = time.monotonic() + _MONITOR_S
        while True:
            assert self._qemu.poll() is None, (self._room / "qemu.log").read_text()
            try:
                return JsonSocket(path, answer_s)
            except OSError:
                assert time.monotonic() < end_s, f"QEMU opens no socket {path}"
                time.sleep(_LOOK_S)


@pytest.fixture(scope="session")
def needs_qemu() -> None:
    """Skip where no virtual machine can be made and run."""
    needed = ("mmdebstrap", "mke2fs", "qemu-img", "qemu-system-x86_64")
    missing = [name for name in needed if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(
            f"{', '.join(missing) or 'root'} is missing: apt install mmdebstrap qemu-system-x86 qemu-utils, as root"
        )


@pytest.fixture(scope="session")
def debian(needs_qemu: None, tmp_path_factory: pytest.TempPathFactory) -> Debian:
    """Make a Debian with cloud-init, Python and the guest agent, and nothing of this kit."""
    del needs_qemu
    folder = tmp_path_factory.mktemp("debian")
    root = folder / "root"
    ready = os.environ.get(READY_SYSTEM)
    if ready:
        subprocess.run(["cp", "-a", ready, str(root)], check=True)
    else:
        made = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
        subprocess.run(made, check=True, capture_output=True, timeout=3600)
    (root / "etc/systemd/network/wired.network").write_text(_NETWORK)
    # By hand: `systemctl enable` would let each boot without a cable wait two minutes for one.
    wanted = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    wanted.unlink(missing_ok=True)
    wanted.symlink_to("/lib/systemd/system/systemd-networkd.service")
    (root / "etc/cloud/cloud.cfg.d/99-network.cfg").write_text("network: {config: disabled}\n")
    kernel = shutil.copy(next((root / "boot").glob("vmlinuz-*")), folder / "kernel")
    initrd = shutil.copy(next((root / "boot").glob("initrd.img-*")), folder / "initrd")
    return Debian(root, Path(kernel), Path(initrd))


@pytest.fixture(scope="session")
def bookworm() -> Target:
    """Debian 12 on x86_64, as what a seed is made for."""
    return Target.model_validate({"architecture": "x86_64", "python": "3.11", "least_glibc": "2.36"})


@pytest.fixture(scope="session")
def wheels(needs_qemu: None, bookworm: Target, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gather all wheels for that system once."""
    del needs_qemu
    ready = os.environ.get(READY_WHEELS)
    if ready:
        return Path(ready)
    folder = tmp_path_factory.mktemp("gathered") / "wheels"
    gather(folder, bookworm, Sources())
    return folder


@pytest.fixture
def overlay() -> Callable[[Path, Path], Path]:
    """Make a disk of what is written from now on; what lies below stays as it is."""

    def make(below: Path, to: Path) -> Path:
        form = "raw" if below.suffix == ".raw" else "qcow2"
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(below), "-F", form, str(to)]
        subprocess.run(command, check=True)
        return to

    return make


@pytest.fixture
def site(make_bundle: Callable[..., Any], mosquitto: Any, tmp_path: Path) -> Path:
    """Write the folder of a box whose model is a tiny one: an emulated processor is slow."""
    folder = tmp_path / "site"
    folder.mkdir()
    bundle = make_bundle()
    shutil.copytree(bundle.folder, folder / "bundle")
    shutil.copyfile(bundle.public, folder / "bundle.pub")
    (folder / "box.toml").write_text(BOX.format(port=mosquitto.port))
    return folder


@pytest.fixture(scope="session")
def fresh_disk(debian: Debian, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a disk with a Debian alone."""
    return write_disk(debian.root, tmp_path_factory.mktemp("fresh") / "debian.raw", DISK_SIZE)


@pytest.fixture
def flashed_disk(debian: Debian, site: Path, wheels: Path, tmp_path: Path) -> Path:
    """Write a disk onto which `edgekit flash --root` has brought a release, found good."""
    root = tmp_path / "root"
    subprocess.run(["cp", "-a", str(debian.root), str(root)], check=True)
    flash_root(root, Order(site / "box.toml", sources=Sources(wheels, index=False), counter=1), None, lambda _: None)
    ReleaseStore(root / "opt/edgekit").pass_trial()
    image = write_disk(root, tmp_path / "flashed.raw", DISK_SIZE)
    shutil.rmtree(root)
    return image


@pytest.fixture
def machine(debian: Debian, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., VirtualMachine]:
    """Make machines of one Debian; their sockets lie on a short path, as sockets must."""
    room = tmp_path_factory.mktemp("vm")

    def make(disk: Path, *drives: Path, **more: Any) -> VirtualMachine:
        return VirtualMachine(debian, disk, drives, room, **more)

    return make


@pytest.fixture
def eventually_s() -> Callable[..., float]:
    """Wait until something holds, and return how many seconds that took."""
    return wait_until

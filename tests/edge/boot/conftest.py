"""A Debian system of its own, booted by systemd-nspawn; this machine's loopback is its network, where the broker is."""

import contextlib
import ctypes
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import pytest

from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.flash.payload import Order
from edge.flash.root import target_of
from edge.flash.wheelhouse import Sources, gather

PACKAGES = "systemd,systemd-sysv,dbus,python3,openssh-server"
# Where either is set, what takes minutes to make or to fetch is taken from there.
READY_SYSTEM, READY_WHEELS = "EDGEKIT_TEST_DEBIAN", "EDGEKIT_TEST_WHEELS"

_PTRACE_SEIZE, _PTRACE_INTERRUPT = 0x4206, 0x4207
_WAIT_ALL_THREADS = 0x40000000  # __WALL
_BOOT_S = 180.0
# systemd keeps its units in one of these; two systems in one would end each other's processes.
_HIERARCHIES = {"/sys/fs/cgroup": "", "/sys/fs/cgroup/unified": "", "/sys/fs/cgroup/systemd": "name=systemd"}
_ENTER = 'while [ "$1" != -- ]; do mkdir -p "$1" && echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'

BOX = """
[box]
site = "hall"
name = "{box}"
[bundle]
path = "{bundle}"
trusted_keys = ["bundle.pub"]
[inference]
precision = "int8"
[mqtt]
port = {port}
at_start = "wait"
[outbox]
path = "/var/lib/edgekit/outbox.db"
[[camera]]
name = "belt"
source = {{ kind = "rtsp", url = "{belt}" }}
[[camera.line]]
name = "gate"
start = [0.55, 1.0]
end = [0.55, 0.0]
[[camera]]
name = "door"
source = {{ kind = "rtsp", url = "rtsp://127.0.0.1:{dead}/dead" }}
"""


def wait_until(holds: Callable[[], object], timeout_s: float, what: str) -> float:
    """Wait until something holds, and return how many seconds that took."""
    began_s = time.monotonic()
    while not holds():
        assert time.monotonic() - began_s < timeout_s, f"did not come true within {timeout_s:g} s: {what}"
        time.sleep(0.2)
    return time.monotonic() - began_s


def control_groups(name: str) -> list[Path]:
    """Return a control group of a name in every hierarchy that systemd may keep its units in, below our own."""
    told = (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    own = {hierarchy: path.strip("/") for _, hierarchy, path in told}
    roots = {Path(root): own.get(kind, "") for root, kind in _HIERARCHIES.items()}
    return [root / below / name for root, below in roots.items() if (root / "cgroup.procs").is_file()]


@final
class BootedBox:
    """A running system below a folder, as a context manager."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self._log = log
        self._leader = 0
        self._groups = control_groups(f"edgekit-{os.getpid()}-{log.stem}")

    def __enter__(self) -> "BootedBox":
        command = ["sh", "-c", _ENTER, "sh", *map(str, self._groups), "--"]
        command += ["systemd-nspawn", "-q", "-D", str(self.root), "--boot", "--register=no", "--keep-unit"]
        command += ["--console=passive", "--kill-signal=SIGRTMIN+3", "--resolv-conf=off"]
        with self._log.open("wb") as log:
            self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._is_up, _BOOT_S, "the system boots")
        return self

    def __exit__(self, *_raised: object) -> None:
        self._nspawn.terminate()
        try:
            self._nspawn.wait(90)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        for group in self._groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()

    def run(self, *words: str, check: bool = True, timeout_s: float = 400) -> str:
        """Run a program inside, and return what it said."""
        command = ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-p", "-r", "-w", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        assert done.returncode == 0 or not check, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def told(self, unit: str, *names: str) -> dict[str, str]:
        """Return properties of a unit."""
        lines = self.run("systemctl", "show", unit, *(f"--property={name}" for name in names), check=False).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def is_active(self, unit: str = "edgekit.service") -> bool:
        """Whether a unit is active."""
        return self.told(unit, "ActiveState").get("ActiveState") == "active"

    def restarts(self) -> int:
        """How often systemd has started the service anew by itself."""
        return int(self.told("edgekit.service", "NRestarts").get("NRestarts", "0"))

    def journal(self, unit: str) -> str:
        """Return all that a unit has said."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit, check=False)

    def ledger(self) -> dict[str, Any]:
        """Return the ledger of the releases."""
        return json.loads((self.root / "opt/edgekit/releases.json").read_text())

    def state(self, release: str) -> str:
        """Return the state of a release."""
        return next(one["state"] for one in self.ledger()["releases"] if one["id"] == release)

    def pid(self) -> int:
        """Return the service's process as this machine counts it."""
        inside = self.told("edgekit.service", "MainPID")["MainPID"]
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                found = re.search(r"^NSpid:\s+(\d+)\s+(\d+)$", status.read_text(), re.MULTILINE)
            except OSError:
                continue
            if found and found[2] == inside and self._is_inside(int(found[1])):
                return int(found[1])
        raise AssertionError(f"no process of this machine is {inside} inside")

    def _is_inside(self, pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/ns/pid").readlink() == Path(f"/proc/{self._leader}/ns/pid").readlink()
        except OSError:
            return False

    def _is_up(self) -> bool:
        assert self._nspawn.poll() is None, self._log.read_text(errors="replace")
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        if not children:
            return False
        self._leader = int(children[0])
        return "running" in (told := self.run("systemctl", "is-system-running", check=False)) or "degraded" in told


@final
class HungThreads:
    """Stops all threads of a process but its first, as a driver that hangs would, until the process has ended.

    A thread is caught only while it waits in the kernel, so that none holds the interpreter's lock.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._caught: set[int] = set()

    def catch(self) -> int:
        """Stop the threads, and return how many."""
        end_s = time.monotonic() + 20
        while time.monotonic() < end_s:
            threads = {int(task.name) for task in Path(f"/proc/{self._pid}/task").iterdir()} - {self._pid}
            for thread in threads - self._caught:
                if not Path(f"/proc/{self._pid}/task/{thread}/syscall").read_text().startswith("running"):
                    self._stop(thread)
            if threads == self._caught:
                break
            time.sleep(0.01)
        return len(self._caught)

    def reap(self) -> None:
        """Take note of the threads' ends, which else keep their process from ending."""
        for thread in self._caught:
            try:
                os.waitpid(thread, os.WNOHANG | _WAIT_ALL_THREADS)
            except ChildProcessError:
                continue

    def _stop(self, thread: int) -> None:
        if self._libc.ptrace(_PTRACE_SEIZE, thread, 0, 0) == 0:
            self._libc.ptrace(_PTRACE_INTERRUPT, thread, 0, 0)
            self._caught.add(thread)


@pytest.fixture(scope="session")
def needs_systemd_nspawn() -> None:
    """Skip where no system can be made and booted."""
    missing = [name for name in ("mmdebstrap", "systemd-nspawn", "nsenter") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"{', '.join(missing) or 'root'} is missing: apt install mmdebstrap systemd-container, as root")


@dataclass
class Releases:
    """Sites whose configurations differ in what they name, and orders of releases of them."""

    folder: Path
    wheels: Path
    port: int
    dead: int

    def write_site(self, name: str, belt: str, *, bundle: str = "bundle", box: str = "line1", more: str = "") -> Path:
        """Write a site's folder, or its box.toml anew, and return that."""
        site = self.folder / name
        site.mkdir(exist_ok=True)
        shutil.copy(TRUSTED_KEY, site / "bundle.pub")
        if bundle == "bundle":
            shutil.copytree(BUNDLE, site / "bundle", dirs_exist_ok=True)
        text = BOX.format(bundle=bundle, box=box, port=self.port, belt=belt, dead=self.dead)
        (site / "box.toml").write_text(text + more)
        return site / "box.toml"

    def order(self, name: str, counter: int, belt: str, **told: str) -> Order:
        """Write a site's folder and return the order of its release."""
        box_toml = self.write_site(name, belt, **told)
        return Order(box_toml, sources=Sources(self.wheels, index=False), counter=counter)


@dataclass
class Outside:
    """What boxes find outside of themselves."""

    camera: Any
    subscriber: Any
    releases: Releases

    def events(self, box: str = "line1") -> int:
        """How many events of a box have come over the broker."""
        return len(self.subscriber.on(f"edgekit/v1/hall/{box}/cameras/belt/events"))

    def run_id(self, box: str = "line1") -> str:
        """Return the run that a box's newest status is of."""
        return self.subscriber.on(f"edgekit/v1/hall/{box}/status")[-1].json()["run_id"]


@pytest.fixture
def outside(
    network_camera: Callable[..., Any],
    mosquitto: Any,
    subscribe: Callable[..., Any],
    wheels: Path,
    tmp_path: Path,
    free_port: int,
) -> Outside:
    """Start a camera and a broker, and listen to all that boxes say there."""
    releases = Releases(tmp_path, wheels, mosquitto.port, free_port)
    return Outside(network_camera(CLIP), subscribe(mosquitto.port), releases)


@pytest.fixture(scope="session")
def debian(needs_systemd_nspawn: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a Debian system with systemd, Python and an SSH server, and nothing of this kit; tests copy it."""
    del needs_systemd_nspawn
    ready = os.environ.get(READY_SYSTEM)  # made before: it takes minutes, and is the same each time
    if ready:
        return Path(ready)
    root = tmp_path_factory.mktemp("debian") / "root"
    made = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
    subprocess.run(made, check=True, capture_output=True, timeout=1800)
    return root


@pytest.fixture(scope="session")
def wheels(debian: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gather all wheels for that system once."""
    ready = os.environ.get(READY_WHEELS)
    if ready:
        return Path(ready)
    folder = tmp_path_factory.mktemp("gathered") / "wheels"
    gather(folder, target_of(debian, None), Sources())
    return folder


@pytest.fixture
def fresh_root(debian: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copy that system, under a name."""

    def copied(name: str) -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        root = tmp_path / name / "root"
        subprocess.run(["cp", "-a", str(debian), str(root)], check=True)
        return root

    return copied


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Callable[[Path], BootedBox]]:
    """Boot systems; they are shut down at the end."""
    with contextlib.ExitStack() as running:
        yield lambda root: running.enter_context(BootedBox(root, tmp_path / f"{root.parent.name}.log"))


@pytest.fixture
def eventually_s() -> Callable[..., float]:
    """Wait until something holds, and return how many seconds that took."""
    return wait_until


@pytest.fixture
def hang() -> Callable[[int], HungThreads]:
    """Return what stops all threads of a process but its first."""
    return HungThreads

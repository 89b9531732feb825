"""A payload with a small wheelhouse, made of what is installed here, and a system below a folder that it fits."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from edge.deploy.install import install
from edge.deploy.payload import PayloadList, Target
from edge.deploy.store import ReleaseStore
from edge.deploy.system import architecture_of, glibc_of
from edge.flash.kit_wheel import write_kit_wheel
from edge.flash.pack import Wheelhouse, finish
from edge.flash.site import Site
from edge.flash.units import write_units

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
INTERPRETER = Path(sys.executable).resolve()
# What the installer and `edgekit release` need: no engine, no OpenCV, so that it installs in a second.
SMALL = ("typer", "click", "rich", "pygments", "markdown-it-py", "mdurl", "shellingham")
_LEAST_FREE = 1 << 30  # bytes
TINY = "annotated_types-"
INSTALLER = ("pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection", "annotated-doc")


def installed_as_wheel(name: str, folder: Path) -> Path:
    """Write the wheel of an installed package anew, from its own record."""
    package = distribution(name)
    tags = [line.removeprefix("Tag: ") for line in (package.read_text("WHEEL") or "").splitlines() if "Tag: " in line]
    parts = [sorted({tag.split("-")[part] for tag in tags}) for part in range(3)]
    tag = "-".join(".".join(part) for part in parts)
    path = folder / f"{name.replace('-', '_')}-{package.version}-{tag}.whl"
    record: list[str] = []
    with zipfile.ZipFile(path, "w") as wheel:
        for file in package.files or ():
            if ".." in file.parts or "__pycache__" in file.parts or file.name in ("RECORD", "INSTALLER", "REQUESTED"):
                continue
            content = file.read_binary()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{file.as_posix()},sha256={digest},{len(content)}")
            wheel.writestr(zipfile.ZipInfo(file.as_posix()), content)
        name_of_record = next(file for file in package.files or () if file.name == "RECORD").as_posix()
        wheel.writestr(name_of_record, "\n".join([*record, f"{name_of_record},,", ""]))
    return path


@pytest.fixture(scope="session")
def room() -> Generator[Path, None, None]:
    """A folder in memory for all that is installed here: systems share files by links, and are synced all the time."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    usable = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _LEAST_FREE
    with tempfile.TemporaryDirectory(prefix="edgekit-flash-", dir=memory if usable else None) as folder:
        yield Path(folder)


@pytest.fixture
def tmp_path(room: Path) -> Generator[Path, None, None]:
    """In place of pytest's own, which lies elsewhere."""
    with tempfile.TemporaryDirectory(dir=room) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def here() -> Target:
    """This machine as a target."""
    glibc = glibc_of(Path("/"))
    assert glibc is not None
    architecture = architecture_of(INTERPRETER)
    return Target.model_validate({"architecture": architecture, "python": PYTHON, "least_glibc": glibc})


@pytest.fixture(scope="session")
def small_wheels(room: Path) -> Path:
    folder = room / "wheels"
    folder.mkdir()
    write_kit_wheel(folder)
    for name in (*SMALL, *INSTALLER, *(("tomli",) if sys.version_info < (3, 11) else ())):
        try:
            installed_as_wheel(name, folder)
        except ModuleNotFoundError:
            continue  # of versions of typer and rich that do not need it
    installed_as_wheel("pip", folder)
    return folder


Make = Callable[..., tuple[Path, PayloadList]]


def maker(folder_of_all: Path, small_wheels: Path, here: Target) -> Make:
    """Return what makes payloads whose timer, configuration and bundle say one word; of one wheel unless `whole`."""

    def make(
        word: str, counter: int, *, site: bool = True, whole: bool = False, target: Target = here
    ) -> tuple[Path, PayloadList]:
        folder = folder_of_all / f"payload-{word}"
        (folder / "wheels").mkdir(parents=True)
        for path in small_wheels.iterdir():
            os.link(path, folder / "wheels" / path.name)
        names = sorted(path.name for path in small_wheels.iterdir())
        pip = next(name for name in names if name.startswith("pip-"))
        write_units(folder / "systemd", Site("here/box", frozenset({"mqtt-password"}), devices=False) if site else None)
        (folder / "systemd" / "edgekit-word.timer").write_text(f"# {word}\n[Install]\nWantedBy=timers.target\n")
        if site:
            (folder / "site" / "bundle").mkdir(parents=True)
            (folder / "site" / "box.toml").write_text(f"# {word}\n")
            (folder / "site" / "bundle" / "manifest.json").write_text(f"# {word}\n")
        wheels = tuple(name for name in names if name != pip and (whole or name.startswith(TINY)))
        return folder, finish(folder, Wheelhouse(target, pip, wheels), word, counter)

    return make


@pytest.fixture
def make_payload(tmp_path: Path, small_wheels: Path, here: Target) -> Make:
    return maker(tmp_path, small_wheels, here)


@pytest.fixture(scope="session")
def bare_root(room: Path) -> Path:
    """A system below a folder, as far as an installer looks at one: an interpreter and its libraries."""
    root = room / "bare"
    (root / "usr" / "bin").mkdir(parents=True)
    shutil.copyfile(INTERPRETER, root / "usr" / "bin" / f"python{PYTHON}")
    library = next(path for path in Path("/lib").glob("*/libc.so.6"))
    (root / "lib" / library.parent.name).mkdir(parents=True)
    shutil.copyfile(library, root / library.relative_to("/"))
    (root / "lib" / library.parent.name / "libstdc++.so.6").touch()
    return root


def copied(root: Path, to: Path) -> Path:
    """Copy a system by links to its files: whoever writes there replaces files, and never writes into one."""
    subprocess.run(["cp", "-al", str(root), str(to)], check=True)
    return to


@pytest.fixture
def root(bare_root: Path, tmp_path: Path) -> Path:
    return copied(bare_root, tmp_path / "root")


@pytest.fixture(scope="session")
def flashed(bare_root: Path, room: Path, small_wheels: Path, here: Target) -> Path:
    """A system with release `one` installed and found good; payload-one lies beside it."""
    folder = room / "flashed"
    folder.mkdir()
    root = copied(bare_root, folder / "root")
    install(maker(folder, small_wheels, here)("one", 1)[0], root, lambda _: None)
    ReleaseStore(root / "opt/edgekit").pass_trial()
    return root


@pytest.fixture
def flashed_root(flashed: Path, tmp_path: Path) -> Path:
    return copied(flashed, tmp_path / "flashed")

"""Releases that are Python environments of their own, as on a box, and boxes that run from them."""

import site
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
PROGRAM = """#!{python}
import sys
from edge.cli import main
sys.argv[0] = "edgekit"
main()
"""


def environment(folder: Path) -> None:
    """Fill a release: an environment of its own that borrows all packages of the one that runs the tests."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    packages = next((folder / "lib").glob("python3*/site-packages"))
    borrowed = "; ".join(f"site.addsitedir({path!r})" for path in (*site.getsitepackages(), str(REPOSITORY)))
    (packages / "borrowed.pth").write_text(f"import site; {borrowed}\n")
    program = folder / "bin/edgekit"
    program.write_text(PROGRAM.format(python=folder / "bin/python"))
    program.chmod(0o755)


@pytest.fixture
def fill_environment() -> Callable[[Path], None]:
    """Return what fills a release with this software."""
    return environment


@pytest.fixture
def fill_stub() -> Callable[[str], Callable[[Path], None]]:
    """Return what fills a release whose `edgekit` is a few lines of Python, run with its arguments."""

    def with_program(lines: str) -> Callable[[Path], None]:
        def fill(folder: Path) -> None:
            (folder / "bin").mkdir()
            program = folder / "bin/edgekit"
            program.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n{lines}\n")
            program.chmod(0o755)

        return fill

    return with_program


@pytest.fixture
def call() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return what runs a program and gives back what it said."""

    def run(*words: object, timeout_s: float = 200) -> "subprocess.CompletedProcess[str]":
        command = [str(word) for word in words]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)

    return run

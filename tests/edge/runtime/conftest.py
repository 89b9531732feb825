"""Runs of a box as processes of their own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.demo.show import BUNDLE, TRUSTED_KEY

EDGEKIT = (sys.executable, "-m", "edge")


@pytest.fixture
def start_run() -> Iterator[Callable[[Path], "subprocess.Popen[str]"]]:
    """Start runs in the background; whatever still runs at the end is killed."""
    with ExitStack() as running:

        def start(config: Path) -> "subprocess.Popen[str]":
            arguments = [*EDGEKIT, "run", "--config", str(config), "--json"]
            process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            running.callback(process.wait)
            running.callback(process.kill)
            return process

        yield start


@pytest.fixture
def write_box_toml(tmp_path: Path) -> Callable[..., Path]:
    """Write the box.toml of hall's box-1, with its outbox beside it and the demonstration's bundle unless told."""

    def write(port: int, rest: str, *, bundle: Path = BUNDLE, key: Path = TRUSTED_KEY, mqtt: str = "") -> Path:
        path = tmp_path / "box.toml"
        path.write_text(
            f"""
[box]
site = "hall"
name = "box-1"
[bundle]
path = "{bundle}"
trusted_keys = ["{key}"]
[mqtt]
port = {port}
{mqtt}
[outbox]
path = "outbox.sqlite"
{rest}"""
        )
        return path

    return write

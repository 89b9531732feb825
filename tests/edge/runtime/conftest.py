"""Runs of a box as processes of their own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

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
